"""What an index costs and how soon it serves: ``python -m benchmarks.index [--rows N …]``, on a folder of phrases.

Built from rows in memory and written to a file; then processes are forked from one that is warm, as workers are, and
open the file: how long the opening and the first answer take, how much memory of its own each has (PSS of
``/proc/self/smaps_rollup``, after 200 queries), what a changed answer costs the next search. With tantivy installed
(``pip install tantivy``) the build is set beside that of a stemmed index of the same rows.
"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import subprocess
import sys
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from benchmarks.match import DATA, queries, rows
from engine.matching.book import AnswerRow
from engine.matching.build import build_arrays
from engine.matching.index_file import About, open_index, write_index
from engine.matching.layers import LayeredIndex
from engine.matching.readings import readings
from engine.matching.search import find_nearest, load_matcher
from engine.matching.segment import Segment

WORKERS = 6  # as the platform has by default
ASKED = 200  # queries of each
CHANGES = 1_000


def serve(folder: Path, asked: list[str], told: Any, may_end: Any) -> None:
    """Open the index as a fresh worker does, answer, and tell what that took."""
    started = time.perf_counter()
    index = LayeredIndex(Segment(open_index(folder)[0]))
    opened = time.perf_counter()
    find_nearest(readings(asked[0]), index, 0, 3)
    first = time.perf_counter()
    for text in asked[1:]:
        find_nearest(readings(text), index, 0, 3)
    told.put(((opened - started) * 1000, (first - started) * 1000, memory_mb("Pss:"), memory_mb("Private_")))
    may_end.wait(60)


def memory_mb(kind: str) -> float:
    """Return what this process has of memory, by the lines of ``smaps_rollup`` that begin with ``kind``."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(kind)) / 1024


def print_workers(folder: Path, asked: list[str]) -> None:
    """Fork workers one after another, all alive, and print what each took."""
    context = get_context("fork")
    told, may_end = context.Queue(), context.Event()
    workers, found = [], []
    for number in range(WORKERS):
        texts = asked[number * ASKED : (number + 1) * ASKED]
        worker = context.Process(target=serve, args=(folder, texts, told, may_end))
        worker.start()
        workers.append(worker)
        found.append(told.get(timeout=120))
    may_end.set()
    for worker in workers:
        worker.join()
    opened, first, shares, private = (list(values) for values in zip(*found, strict=True))
    print(f"  opened in {statistics.median(opened):.1f} ms, first answer after {max(first):.0f} ms at most")
    print("  PSS of each further worker, MB: " + ", ".join(f"{value:.0f}" for value in shares))
    print("  of that nobody else has, MB: " + ", ".join(f"{value:.0f}" for value in private))


def print_changes(folder: Path, asked: list[str]) -> None:
    """Print what changed answers cost the searches after them."""
    index = LayeredIndex(Segment(open_index(folder)[0]))
    before = _median_ms(index, asked)
    took = []
    for number in range(CHANGES):
        started = time.perf_counter()
        index.put(AnswerRow(10_000_000 + number, f"новая фраза номер {number}", "да"))
        index.layers()
        took.append((time.perf_counter() - started) * 1000)
        assert index.answers_to(f"новая фраза номер {number}", 0)
    took.sort()
    print(f"  a change is indexed in {took[CHANGES // 2]:.2f} ms, at most {took[-1]:.0f} ms")
    after = _median_ms(index, asked)
    print(f"  a query: {before:.2f} ms, with {CHANGES} changes {after:.2f} ms = {after / before:.2f} x")


def _median_ms(index: LayeredIndex, asked: list[str]) -> float:
    took = []
    for text in asked[:ASKED]:
        started = time.perf_counter()
        find_nearest(readings(text), index, 0, 3)
        took.append((time.perf_counter() - started) * 1000)
    return statistics.median(took)


def peer_build_s(known: list[AnswerRow]) -> float | None:
    """Return how long a stemmed tantivy index of the same phrases takes to build, or None without tantivy."""
    try:
        import tantivy
    except ImportError:
        return None
    schema = tantivy.SchemaBuilder().add_text_field("rx", stored=True, tokenizer_name="ru_stem").build()
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        index = tantivy.Index(schema, path=folder)
        stemmer = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple()).filter(tantivy.Filter.lowercase())
        index.register_tokenizer("ru_stem", stemmer.filter(tantivy.Filter.stemmer("russian")).build())
        writer = index.writer()
        for row in known:
            writer.add_document(tantivy.Document(rx=row.rx_norm))
        writer.commit()
        writer.wait_merging_threads()
        return time.perf_counter() - started


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, nargs="+", default=[10_000])
    options.add_argument("--data", type=Path, default=DATA)
    options.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    given = options.parse_args()
    load_matcher()
    asked = [query["q"] for query in queries(given.data)]
    asked = asked[:: max(len(asked) // (WORKERS * ASKED), 1)]
    if given.serve:
        gc.collect()
        gc.freeze()
        print_workers(given.serve, asked)
        print_changes(given.serve, asked)
        return
    for size in given.rows:
        known = list(rows(given.data, size))
        peer_s = peer_build_s(known)
        with tempfile.TemporaryDirectory() as name:
            started = time.perf_counter()
            write_index(Path(name), build_arrays(known), About())
            built_s = time.perf_counter() - started
            beside = "" if peer_s is None else f"; tantivy {peer_s:.1f} s: {built_s / peer_s:.1f} x"
            print(f"{size} rows: built and written in {built_s:.1f} s{beside}")
            command = [sys.executable, "-m", "benchmarks.index", "--data", str(given.data), "--serve", name]
            subprocess.run(command, check=True)  # with nothing of the build in its memory


if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    main()
