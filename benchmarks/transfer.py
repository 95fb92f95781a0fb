"""What import and export of a million answers cost: ``python -m benchmarks.transfer [ROWS [STEP…]]``.

On a private MariaDB and Redis, by the functions that ``salo import`` and ``salo export`` call. The unit is MariaDB's
own part: the same rows, normalised and hashed beforehand, put into an empty table of the same form by ``executemany``
in one transaction. Each step runs in a process of its own, so that its memory is its own. Seconds are the machine's,
and other work's: read the CPU time (ours and MariaDB's), the ratios, and the memory.
"""

from __future__ import annotations

import hashlib
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from itertools import islice
from pathlib import Path

import psutil

from db import codec
from db.base import Base
from db.bases import BaseStore
from db.links import redis_client
from db.settings import Settings, load_settings
from engine.matching.normalise import normalise, phrase_hash
from server.answer_lines import AnswerLine, format_answer, parse_answer
from server.exporting import export_answers
from server.importing import LIMIT_S, import_answers
from tests.services import PASSWORD, start_maria, start_redis

ROWS = 1_000_000
PEER_BATCH = 1000
ROOT = Path(__file__).resolve().parents[1]
_WORDS = ("привет", "как", "дела", "кто", "ты", "что", "делаешь", "сегодня", "вечером", "котик", "спасибо", "пока",
          "скажи", "почему", "люблю", "зима", "ёлка", "ЧАТ", "бот")  # fmt: skip
_TAILS = ("", "?", "!!!", " 😀", "\t", "\n", " \\o/", "…")
_INSERT = "INSERT INTO answers (rx, rx_norm, rx_hash, tx, weight) VALUES (%s, %s, %s, %s, %s)"


def answer_lines(count: int) -> Iterator[bytes]:
    """Yield lines like those of a chat: short phrases, some JSON answers, tabs, newlines and emoji."""
    dice = random.Random(1)
    for number in range(count):
        phrase = " ".join(dice.choices(_WORDS, k=dice.randint(2, 7))) + f" {number}" + dice.choice(_TAILS)
        answer = " ".join(dice.choices(_WORDS, k=dice.randint(1, 12))).capitalize() + dice.choice(_TAILS)
        if number % 20 == 0:
            answer = codec.dumps({"variants": [{"text": answer, "weight": 2}, {"text": "Да"}]}).decode()
        yield format_answer(AnswerLine(phrase, answer, dice.randint(1, 9)), "tsv")


def do_import(base: Base, file: Path, *, dry_run: bool = False) -> None:
    with file.open("rb") as lines:
        report = import_answers(base, lines, "tsv", dry_run=dry_run, client=redis_client(base.settings))
    assert report.refused_count == 0, report.refused[:3]


def do_dry_run(base: Base, file: Path) -> None:
    do_import(base, file, dry_run=True)


def do_export(base: Base, file: Path) -> None:
    with file.open("wb") as target:
        target.writelines(export_answers(base, "tsv"))


def do_insert(base: Base, file: Path) -> float:
    """Insert the rows as they are stored; return only what that took."""
    took = 0.0
    with base.unit(), file.open("rb") as lines, closing(base.database.cursor()) as cursor:
        while batch := [_stored_row(line) for line in islice(lines, PEER_BATCH)]:
            started = time.monotonic()
            cursor.executemany(_INSERT, batch)
            took += time.monotonic() - started
        started = time.monotonic()
    return took + time.monotonic() - started


def _stored_row(line: bytes) -> tuple[str, str, str, str, int]:
    answer = parse_answer(line, "tsv")
    assert answer is not None
    rx_norm = normalise(answer.rx)
    return answer.rx, rx_norm, phrase_hash(rx_norm), answer.tx, answer.weight


STEPS: dict[str, Callable[[Base, Path], float | None]] = {
    "insert": do_insert, "dry run": do_dry_run, "import": do_import, "again": do_import, "export": do_export,
    "copy": do_import,
}  # fmt: skip


def run_step(settings: Settings, step: str, base_name: str, file: Path) -> None:
    """Run one step in this process and print its seconds, its CPU time and its greatest memory in MiB."""
    base = BaseStore(redis_client(settings), settings).open(base_name, LIMIT_S)
    started, used = time.monotonic(), time.process_time()
    took = STEPS[step](base, file) or time.monotonic() - started
    print(took, time.process_time() - used, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def step_in_child(config: Path, step: str, base_name: str, file: Path) -> tuple[float, float, float]:
    command = [sys.executable, "-m", "benchmarks.transfer", "step", str(config), step, base_name, str(file)]
    out = subprocess.check_output(command, cwd=ROOT, text=True)
    took, cpu, memory = map(float, out.split())
    return took, cpu, memory


def digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def main(rows: int, chosen: Sequence[str]) -> None:
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="salo-transfer-")))
        store, maria = start_redis(home / "redis"), start_maria(home / "maria")
        stack.callback(store.stop)
        stack.callback(maria.stop)
        config = _configure(home, store.url, maria.url)
        settings = load_settings(config, {"SALO_HOME": str(home)})
        bases = BaseStore(redis_client(settings), settings)
        for name in ("peer", "main", "copy"):
            bases.create(name)
        source, exported, again = home / "source.tsv", home / "exported.tsv", home / "again.tsv"
        with source.open("wb") as target:
            target.writelines(answer_lines(rows))
        print(f"{rows} answers, {source.stat().st_size >> 20} MiB of TSV")
        steps = (("insert", "peer", source), ("dry run", "main", source), ("import", "main", source),
                 ("again", "main", source), ("export", "main", exported), ("copy", "copy", exported))  # fmt: skip
        unit = 0.0
        server = psutil.Process(maria.process.pid)
        for step, base_name, file in steps:
            if chosen and step not in chosen:
                continue
            before = _cpu_s(server)
            took, cpu, memory = step_in_child(config, step, base_name, file)
            unit = unit or took
            print(f"{step:8} {took:6.1f} s {took / unit:5.2f} x insert, {memory:4.0f} MiB; CPU {cpu:5.1f} s "
                  f"+ MariaDB's {_cpu_s(server) - before:5.1f} s", flush=True)  # fmt: skip
        if not chosen or "copy" in chosen:
            step_in_child(config, "export", "copy", again)
            print("the export of the copy is", "the same" if digest(exported) == digest(again) else "DIFFERENT")


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _configure(home: Path, redis_url: str, maria_url: str) -> Path:
    (home / "password").write_text(PASSWORD)
    config = home / "salo.toml"
    config.write_text(
        f'[storage]\nredis = "{redis_url}"\nredis_password_file = "{home}/password"\n'
        f'mariadb = "{maria_url}"\nmariadb_password_file = "{home}/password"\n'
    )
    return config


if __name__ == "__main__":
    if sys.argv[1:2] == ["step"]:
        config, step, name, file = sys.argv[2:]
        home = str(Path(config).parent)
        run_step(load_settings(Path(config), {"SALO_HOME": home}), step, name, Path(file))
    else:
        main(int(sys.argv[1]) if sys.argv[1:] else ROWS, sys.argv[2:])
