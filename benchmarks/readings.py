"""Of labelled queries, how many are a phrase of the base as they stand, and how many by one of their readings.

    python -m benchmarks.readings DIRECTORY

``DIRECTORY`` holds ``base_core.tsv.gz`` (id, phrase, answer, source) and ``queries_dev.jsonl.gz`` (``q``, ``cls``,
``sub``, ``ok``: ids of the right rows). Texts are never shown. "other" counts queries of which a reading is the phrase
of a wrong row.
"""

from __future__ import annotations

import gzip
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path

from db import codec
from engine.matching.normalise import normalise
from engine.matching.readings import readings


def main(directory: Path) -> None:
    """Print a line for each kind of query, and what both take."""
    base: defaultdict[str, set[int]] = defaultdict(set)
    with gzip.open(directory / "base_core.tsv.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            number, phrase, *_rest = line.split("\t")
            base[normalise(phrase)].add(int(number))
    with gzip.open(directory / "queries_dev.jsonl.gz") as lines_of_queries:
        queries = [codec.loads(line) for line in lines_of_queries]
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for query in queries:
        forms, right = readings(query["q"]), set(query["ok"])
        found = [base[form] for form in forms if form in base]
        counts[f"{query['cls']} {query['sub']}"].update(
            queries=1,
            plain=bool(base.get(forms[0], set()) & right),
            readings=any(rows & right for rows in found),
            other=bool(found) and not any(rows & right for rows in found),
            forms=len(forms),
        )
    print(f"{'kind':28} queries  plain  readings  other  forms/query")
    for kind, of in sorted(counts.items()):
        mean = of["forms"] / of["queries"]
        print(f"{kind:28} {of['queries']:7} {of['plain']:6} {of['readings']:9} {of['other']:6} {mean:12.2f}")
    for name, work in (("normalise", normalise), ("readings", readings)):
        started = time.process_time()
        for query in queries:
            work(query["q"])
        print(f"{name}: {(time.process_time() - started) / len(queries) * 1e6:.1f} µs/query")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
