"""Good lines of an import get in, at once or not at all; bad ones are named; what is exported can be imported."""

from __future__ import annotations

import io
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from db import codec, delta, keys
from db.base import Base
from db.bases import BaseStore
from db.models import Answer
from server.answer_lines import (
    ANSWER_MAX,
    LINE_MAX,
    PHRASE_MAX,
    AnswerLine,
    BadLine,
    Format,
    format_answer,
    parse_answer,
)
from server.exporting import PAGE, count_answers, export_answers
from server.importing import BATCH, LIMIT_S, REFUSED_MAX, ImportReport, bounded_lines, import_answers

ROOT = Path(__file__).parents[2]


def load(base: Base, text: str, form: Format = "tsv", **options: Any) -> ImportReport:
    return import_answers(base, io.BytesIO(text.encode()), form, **options)


def answers(base: Base) -> list[tuple[str, str, int]]:
    with base.unit():
        rows = Answer.select().where(Answer.deleted.is_null()).order_by(Answer.id)
        return [(row.rx, row.tx, row.weight) for row in rows]


def test_tsv_is_imported_with_weights_escapes_and_empty_lines(base: Base) -> None:
    report = load(base, "\ufeffrx\ttx\tweight\nПривет!\tИ тебе\\nпривет\t3\r\n\n  \nКак дела\t¯\\_(ツ)_/¯ 🐶\n")
    assert (report.imported, report.updated, report.refused) == (2, 0, [])
    assert answers(base) == [("Привет!", "И тебе\nпривет", 3), ("Как дела", "¯\\_(ツ)_/¯ 🐶", 1)]
    with base.unit():
        assert Answer.get().rx_norm == "привет" and len(Answer.get().rx_hash) == 32


def test_jsonl_is_imported(base: Base) -> None:
    assert load(base, '{"rx":"a","tx":"b\\nc"}\n{"weight":2,"rx":"d","tx":"e"}', "jsonl").imported == 2
    assert answers(base) == [("a", "b\nc", 1), ("d", "e", 2)]


BAD_TSV = [
    "one column\n", "a\tb\t1\textra\n", "\tanswer\n", "phrase\t \n", "a\tb\tmany\n", "a\tb\t0\n", "a\tb\t1.5\n",
    "a\tb\t-1\n", "a\tb\t1000001\n", "a\x00\tb\n", "\u200b\tb\n", "a" * (PHRASE_MAX + 1) + "\tb\n",
    "a\t" + "b" * (ANSWER_MAX + 1) + "\n", "a\t" + "b" * (3 * LINE_MAX) + "\n",
]  # fmt: skip
BAD_JSONL = [
    "[]", "{", "7", "{}", '{"rx":"a"}', '{"rx":"a","tx":null}', '{"rx":1,"tx":"b"}', '{"rx":"a","tx":"b","weigth":2}',
    '{"rx":"a","tx":"b","weight":"2"}', '{"rx":"a","tx":"b","weight":true}', '{"rx":"\\ud800","tx":"b"}',
]  # fmt: skip


@pytest.mark.parametrize(("form", "bad"), [("tsv", BAD_TSV), ("jsonl", [line + "\n" for line in BAD_JSONL])])
def test_bad_lines_are_refused_by_number_and_the_good_ones_get_in(base: Base, form: Format, bad: list[str]) -> None:
    good = "good\tanswer\n" if form == "tsv" else '{"rx":"good","tx":"answer"}\n'
    report = load(base, good + "".join(bad) + good, form)
    assert [line for line, _reason in report.refused] == list(range(2, len(bad) + 2))
    assert all(reason for _line, reason in report.refused)
    assert answers(base) == [("good", "answer", 1)]
    assert (report.imported, report.updated) == (1, 1)


def test_line_that_is_not_utf8_is_refused(base: Base) -> None:
    report = import_answers(base, io.BytesIO(b"a\tb\n" + "привет\tи тебе\n".encode("cp1251")), "tsv")
    assert [line for line, _reason in report.refused] == [2]
    assert report.imported == 1


def test_strict_import_with_a_bad_line_imports_nothing(base: Base, clean_redis: redis.Redis) -> None:
    text = "".join(f"phrase {number}\tanswer\n" for number in range(3 * BATCH))
    report = load(base, text + "bad\n" + text, strict=True)
    assert (report.imported, report.updated, report.refused_count) == (0, 0, 1)
    assert answers(base) == [] and not clean_redis.exists(keys.delta("main"))
    assert load(base, text, strict=True).imported == 3 * BATCH


def test_refused_lines_are_all_counted_but_told_up_to_a_bound(base: Base) -> None:
    report = load(base, "bad\n" * (REFUSED_MAX + 7))
    assert (len(report.refused), report.refused_count) == (REFUSED_MAX, REFUSED_MAX + 7)


def test_answer_that_is_there_gets_the_new_weight(base: Base) -> None:
    load(base, "Привет\tЗдравствуй\nпривет\tИ тебе\n")
    report = load(base, "ПРИВЕТ!!!\tЗдравствуй\t5\nпривет\tздравствуй\n")
    assert (report.imported, report.updated) == (1, 1)
    assert answers(base) == [("Привет", "Здравствуй", 5), ("привет", "И тебе", 1), ("привет", "здравствуй", 1)]


def test_deleted_answer_comes_back(base: Base) -> None:
    load(base, "a\tb\n")
    with base.unit():
        Answer.update(deleted="2020-01-01").execute()
    assert load(base, "a\tb\n").imported == 1
    assert answers(base) == [("a", "b", 1)]


def test_answers_of_one_bot_stay_apart_from_those_of_all(base: Base) -> None:
    load(base, "a\tb\n")
    load(base, "a\tb\t7\n", bot_id=3, author="anna")
    assert list(export_answers(base, "tsv", bot_id=3)) == [b"rx\ttx\tweight\n", b"a\tb\t7\n"]
    assert list(export_answers(base, "tsv")) == [b"rx\ttx\tweight\n", b"a\tb\t1\n"]
    assert (count_answers(base), count_answers(base, 3)) == (1, 1)


def test_dry_run_says_what_an_import_would_do_and_changes_nothing(base: Base, clean_redis: redis.Redis) -> None:
    load(base, "there\tanswer\ngone\tanswer\n")
    with base.unit():
        Answer.update(deleted="2020-01-01").where(Answer.rx == "gone").execute()
    before, told = answers(base), clean_redis.xlen(keys.delta("main"))
    new = "".join(f"phrase {number}\tanswer\n" for number in range(BATCH))
    text = "there\tanswer\t5\ngone\tanswer\nbad\n" + new + "phrase 7\tanswer\t9\n"
    dry = load(base, text, dry_run=True)
    assert answers(base) == before and clean_redis.xlen(keys.delta("main")) == told
    assert (dry.imported, dry.updated, dry.refused_count) == (BATCH + 1, 2, 1)
    assert load(base, text, strict=True, dry_run=True).imported == 0
    assert load(base, text) == dry


def test_rows_that_change_nothing_are_left_alone(base: Base) -> None:
    load(base, "a\tb\t2\nc\td\n")
    with base.unit():
        Answer.update(updated="2020-01-01").execute()
    assert load(base, "a\tb\t2\nc\td\t3\n").updated == 2
    with base.unit():
        assert [row.updated.year == 2020 for row in Answer.select().order_by(Answer.id)] == [True, False]


def test_others_add_answers_while_an_import_meets_those_that_are_there(base: Base, base_store: BaseStore) -> None:
    load(base, "".join(f"phrase {number}\tanswer\t1\n" for number in range(2 * BATCH)))
    added: list[int] = []

    def lines() -> Iterator[bytes]:
        for number in range(2 * BATCH):
            yield f"phrase {number}\tanswer\t2\n".encode()
        # All is written, nothing is committed. A thread, since a unit within a unit of this one would be a part of it.
        others = "".join(f"other {number}\tanswer\n" for number in range(64))
        thread = threading.Thread(target=lambda: added.append(load(base, others).imported))
        thread.start()
        thread.join()

    assert import_answers(base, lines(), "tsv").updated == 2 * BATCH
    assert added == [64]


def test_statement_of_long_answers_stays_below_what_mariadb_takes(base: Base) -> None:
    """Twenty-one million bytes, of which MariaDB would take sixteen at once."""
    assert load(base, "".join(f"phrase {number}\t{'😀' * ANSWER_MAX}\n" for number in range(330))).imported == 330


def test_phrase_that_grows_beyond_its_column_is_refused(base: Base) -> None:
    report = load(base, "\ufdfa" * PHRASE_MAX + "\tanswer\n")
    assert report.refused == [(1, f"rx is longer than {PHRASE_MAX} letters")]


class _Untold:
    """A Redis at whose first use this process is killed."""

    def __getattr__(self, name: str) -> Any:
        os.kill(os.getpid(), signal.SIGKILL)


LINES = "".join(f"phrase {number}\tanswer\t2\n" for number in range(5 * BATCH)).encode()


def _import_and_die(base: Base, at_line: int) -> None:
    """Import in this process, which is killed at a line, or after the commit."""

    def die(lines: int, _size: int) -> None:
        if lines == at_line:
            os.kill(os.getpid(), signal.SIGKILL)

    own = Base(base.name, base.settings, LIMIT_S)
    import_answers(own, io.BytesIO(LINES), "tsv", die, client=_Untold())  # type: ignore[arg-type]


@pytest.mark.parametrize("at_line", [3 * BATCH, 5 * BATCH, 0], ids=["in the middle", "before the commit", "after it"])
def test_import_that_is_killed_leaves_all_or_nothing_and_is_repeated(
    base: Base, base_store: BaseStore, clean_redis: redis.Redis, at_line: int
) -> None:
    load(base, "phrase 0\tanswer\n")
    child = multiprocessing.get_context("fork").Process(target=_import_and_die, args=(base, at_line))
    child.start()
    child.join(60)
    assert child.exitcode == -signal.SIGKILL
    assert len(answers(base)) == (1 if at_line else 5 * BATCH)
    told = clean_redis.xlen(keys.delta("main"))
    patient = base_store.open("main", LIMIT_S)
    report = import_answers(patient, io.BytesIO(LINES), "tsv", client=clean_redis)
    patient.close()
    assert (report.imported, report.updated) == ((5 * BATCH - 1, 1) if at_line else (0, 5 * BATCH))
    assert len(answers(base)) == 5 * BATCH and {weight for _rx, _tx, weight in answers(base)} == {2}
    assert clean_redis.xlen(keys.delta("main")) == told + 1, "one reload"


def test_reader_that_fails_in_the_middle_imports_nothing(base: Base, clean_redis: redis.Redis) -> None:
    def torn() -> Iterator[bytes]:
        for number in range(3 * BATCH):
            yield f"phrase {number}\tanswer\n".encode()
        raise OSError("the pipe broke")

    with pytest.raises(OSError, match="pipe"):
        import_answers(base, torn(), "tsv")
    assert answers(base) == [] and not clean_redis.exists(keys.delta("main"))


def test_workers_are_told_each_answer_or_to_reload(base: Base, clean_redis: redis.Redis) -> None:
    at = delta.position(clean_redis, "main")
    load(base, "Привет\tИ тебе\t2\nПока\tПока\n", bot_id=4)
    told = delta.read_since(clean_redis, "main", at) or []
    assert {(change.op, change.rx_norm, change.tx, change.weight, change.bot_id) for _at, change in told} == {
        ("set", "привет", "И тебе", 2, 4),
        ("set", "пока", "Пока", 1, 4),
    }
    with base.unit():
        assert {change.id for _at, change in told} == {row.id for row in Answer.select()}
    load(base, "".join(f"phrase {number}\tanswer\n" for number in range(delta.RELOAD_ABOVE + 1)))
    assert clean_redis.xlen(keys.delta("main")) == 3
    assert delta.read_since(clean_redis, "main", at) is None


def test_progress_is_told_to_the_end(base: Base) -> None:
    seen: list[tuple[int, int]] = []
    text = "".join(f"phrase {number}\tanswer\n" for number in range(2 * BATCH + 10))
    load(base, text, on_progress=lambda lines, size: seen.append((lines, size)))
    assert seen == sorted(seen) and len(seen) >= 3
    assert seen[-1] == (2 * BATCH + 10, len(text))


@pytest.mark.parametrize("form", ["tsv", "jsonl"])
def test_export_is_imported_again_unchanged(base: Base, base_store: BaseStore, form: Format) -> None:
    rows = [
        AnswerLine(f"фраза {number}", f"\\ответ\\n\t{number}\n«ё» 🐱", number % 5 + 1) for number in range(PAGE + 5)
    ]
    rows.append(AnswerLine("json", codec.dumps({"variants": [{"text": 'a\tb\n\\n"', "weight": 2}]}).decode()))
    load(base, "".join(format_answer(row, "jsonl").decode() for row in rows), "jsonl")
    base_store.create("copy")
    copy = base_store.open("copy")
    report = import_answers(copy, export_answers(base, form), form)
    assert (report.imported, report.refused) == (len(rows), [])
    assert answers(copy) == answers(base) == [(row.rx, row.tx, row.weight) for row in rows]
    copy.close()


visible = st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("\t\n\r\\"), max_size=200).filter(
    str.strip
)


@given(visible, visible, st.integers(1, 1_000_000), st.sampled_from(["tsv", "jsonl"]))
def test_any_answer_survives_its_line(rx: str, tx: str, weight: int, form: Format) -> None:
    answer = AnswerLine(rx, tx, weight)
    line = format_answer(answer, form)
    assert line.count(b"\n") == 1
    assert parse_answer(line, form) == answer


@given(st.binary(max_size=300), st.sampled_from(["tsv", "jsonl"]))
def test_any_bytes_are_read_or_refused(line: bytes, form: Format) -> None:
    try:
        parse_answer(line, form)
    except BadLine as error:
        assert str(error)


def test_endless_line_takes_no_memory() -> None:
    """A gigabyte without a newline, in a process that may have a quarter of it."""
    program = (
        "import sys; from server.importing import bounded_lines\n"
        "class Endless:\n"
        "    left = 1024\n"
        "    def readline(self, most):\n"
        "        self.left -= 1\n"
        "        return b'x' * most if self.left > 0 else b''\n"
        "print([len(line) for line in bounded_lines(Endless())])"
    )
    limit = 256 << 20
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (limit, limit)),
    )
    assert done.stdout.strip() == f"[{LINE_MAX + 1}]", done.stderr


def test_lines_after_a_long_one_keep_their_numbers() -> None:
    file = io.BytesIO(b"a" * (2 * LINE_MAX) + b"\nsecond\nthird")
    assert [line[:6] for line in bounded_lines(file)] == [b"aaaaaa", b"second", b"third"]


def test_json_answer_lines_hold_no_newline() -> None:
    assert codec.loads(format_answer(AnswerLine("a", "b\nc"), "jsonl")) == {"rx": "a", "tx": "b\nc", "weight": 1}
