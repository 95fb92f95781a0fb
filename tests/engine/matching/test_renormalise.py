"""Stored forms of an older normaliser become today's, whatever is killed; rows that become one are merged."""

from __future__ import annotations

import secrets
import subprocess
import sys
import textwrap
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import redis

from db import delta
from db.bases import Base, BaseStore
from db.errors import StorageUnavailable
from db.models import Answer, Normalising, Unsolved, UnsolvedStatus
from db.settings import Settings, load_settings
from db.state import StateDir
from engine.matching import renormalise as module
from engine.matching.library import Library
from engine.matching.normalise import NORMALISER_VERSION, normalise, phrase_hash
from engine.matching.renormalise import Step, renormalise
from tests.services import wait_until

OLD = NORMALISER_VERSION - 1


class Shelf:
    """A base whose rows may have any form."""

    def __init__(self, client: redis.Redis, settings: Settings) -> None:
        self.name = "b" + secrets.token_hex(6)
        self.client = client
        self.settings = settings
        BaseStore(client, settings).create(self.name)
        self.base = Base(self.name, settings)

    def add(self, rx: str, form: str | None, tx: str = "Да", **values: Any) -> int:
        """Add an answer with a stored form; None as whoever writes by hand leaves it."""
        with self.base.unit():
            return int(Answer.create(rx=rx, rx_norm=form, rx_hash=form and phrase_hash(form), tx=tx, **values).id)

    def ask(self, rx: str, form: str, **values: Any) -> int:
        with self.base.unit():
            return int(Unsolved.create(rx=rx, rx_norm=form, rx_hash=phrase_hash(form), **{"bot_id": 7, **values}).id)

    def mark(self, version: int, **values: Any) -> None:
        with self.base.unit():
            for table in module.TABLES:
                Normalising.replace(name=table.name, version=version, **values).execute()

    def answer(self, number: int) -> Any:
        with self.base.unit():
            return Answer.get_by_id(number)

    def unsolved(self) -> list[Any]:
        with self.base.unit():
            return list(Unsolved.select().order_by(Unsolved.id))

    def library(self, home: Path) -> Library:
        return Library(self.client, lambda name: Base(name, self.settings), StateDir(home))

    def said(self, library: Library, phrase: str, wanted: str = "") -> list[str]:
        return sorted(row.tx for row in library.index(self.name, wanted).answers_to(phrase, 7))

    def told(self) -> list[str]:
        entries: Any = self.client.xrange(f"delta:{self.name}")
        return [fields[b"op"].decode() for _id, fields in entries]


@pytest.fixture
def shelf(clean_redis: redis.Redis, storage_settings: Path, tmp_path: Path) -> Shelf:
    return Shelf(clean_redis, load_settings(storage_settings, {"SALO_HOME": str(tmp_path / "home")}))


def right(rows: Sequence[Any]) -> bool:
    return all((row.rx_norm, row.rx_hash) == (normalise(row.rx), phrase_hash(normalise(row.rx))) for row in rows)


def test_old_forms_become_todays_and_workers_are_told_once(shelf: Shelf, tmp_path: Path) -> None:
    number = shelf.add("Привет :D", "привет d")
    dated = shelf.answer(number).updated
    shelf.add("как дела", "как дела")
    shelf.ask("Пока :3", "пока 3")
    shelf.mark(OLD, finished=datetime(2026, 1, 1))
    library = shelf.library(tmp_path)
    assert shelf.said(library, "привет") == ["Да"], "an old form answers, read as today's"
    assert renormalise(shelf.base, shelf.client) == Step(100)
    assert right([shelf.answer(number), *shelf.unsolved()])
    assert shelf.answer(number).updated == dated, "no reason to read the base anew before the end"
    assert shelf.told() == ["reload"]
    assert renormalise(shelf.base, shelf.client) == Step(100) and shelf.told() == ["reload"]
    assert shelf.said(library, "привет", delta.position(shelf.client, shelf.name)) == ["Да"]


def test_a_base_whose_forms_are_right_is_passed_over_in_silence(shelf: Shelf) -> None:
    shelf.add("привет", "привет")
    assert renormalise(shelf.base, shelf.client) == Step(100)
    assert shelf.told() == []


def test_answers_that_become_one_are_merged_and_the_older_stays_with_the_newer_weight(shelf: Shelf) -> None:
    older = shelf.add("привет :D", "привет d", weight=1, updated=datetime(2026, 1, 1))
    newer = shelf.add("Привет!", "привет", weight=5, updated=datetime(2026, 2, 1))
    other_text = shelf.add("привет xD", "привет xd", "Нет")
    other_bot = shelf.add("привет xD", "привет xd", bot_id=9)
    waiting = shelf.ask("привет!!", "привет", answer_id=newer, status=UnsolvedStatus.PUBLISHED)
    renormalise(shelf.base, shelf.client)
    kept, lost = shelf.answer(older), shelf.answer(newer)
    assert right([kept, shelf.answer(other_text), shelf.answer(other_bot)])
    assert (kept.deleted, kept.weight) == (None, 5)
    assert lost.deleted is not None and lost.rx_hash is None
    assert [(row.id, row.answer_id) for row in shelf.unsolved()] == [(waiting, older)]
    shelf.mark(OLD)
    renormalise(shelf.base, shelf.client)
    assert shelf.answer(older).deleted is None and shelf.answer(newer).deleted is not None


def test_of_a_deleted_answer_and_one_that_is_said_the_latter_stays(shelf: Shelf) -> None:
    deleted = shelf.add("привет :D", "привет d", weight=9, deleted=datetime(2026, 1, 1))
    said = shelf.add("привет", "привет", weight=2)
    renormalise(shelf.base, shelf.client)
    assert shelf.answer(said).deleted is None and shelf.answer(said).weight == 2
    assert shelf.answer(deleted).deleted == datetime(2026, 1, 1)


@pytest.mark.parametrize("batch", [1, 500])
def test_forms_that_change_places_are_no_repeats(shelf: Shelf, monkeypatch: pytest.MonkeyPatch, batch: int) -> None:
    monkeypatch.setattr(module, "BATCH", batch)
    first, second, third = shelf.add("раз", "два"), shelf.add("два", "три"), shelf.add("три", "раз")
    asked = [shelf.ask("раз", "два"), shelf.ask("два", "раз")]
    renormalise(shelf.base, shelf.client)
    rows = [shelf.answer(number) for number in (first, second, third)]
    assert right(rows) and all(row.deleted is None for row in rows)
    assert right(shelf.unsolved()) and [row.id for row in shelf.unsolved()] == asked


def test_unsolved_phrases_that_become_one_are_counted_together_and_a_decision_stays(shelf: Shelf) -> None:
    shelf.ask("ну :D", "ну d", times=3, first_seen=datetime(2026, 1, 1), last_seen=datetime(2026, 1, 5))
    decided = shelf.ask(
        "ну!", "ну", times=4, first_seen=datetime(2026, 1, 2), last_seen=datetime(2026, 1, 6),
        status=UnsolvedStatus.REJECTED,
    )  # fmt: skip
    other = shelf.ask("ну xd", "ну xd", bot_id=8)
    renormalise(shelf.base, shelf.client)
    row, apart = shelf.unsolved()
    assert (row.id, row.times, row.status, apart.id) == (decided, 7, UnsolvedStatus.REJECTED, other)
    assert (row.first_seen, row.last_seen) == (datetime(2026, 1, 1), datetime(2026, 1, 6))
    assert right([row, apart])


def test_rows_written_by_hand_get_their_form_and_are_told(shelf: Shelf) -> None:
    renormalise(shelf.base, shelf.client)
    number = shelf.add("Пока!!", None)
    known = shelf.add("привет", "привет")
    repeat = shelf.add("Привет", None)
    invisible = shelf.add("\u200b", None)
    assert renormalise(shelf.base, shelf.client) == Step(100)
    assert right([shelf.answer(number), shelf.answer(known), shelf.answer(invisible)])
    assert shelf.answer(repeat).deleted is not None
    assert sorted(shelf.told()) == ["del", "set", "set", "set"]
    renormalise(shelf.base, shelf.client)
    assert len(shelf.told()) == 4, "and that is that"


def test_what_a_newer_salo_did_is_left_alone(shelf: Shelf, tmp_path: Path) -> None:
    number = shelf.add("привет", "новая форма")
    shelf.mark(NORMALISER_VERSION + 1, finished=datetime(2026, 1, 1))
    assert renormalise(shelf.base, shelf.client).newer == NORMALISER_VERSION + 1
    assert shelf.answer(number).rx_norm == "новая форма"
    assert shelf.said(shelf.library(tmp_path), "привет") == ["Да"]


def test_an_import_that_is_under_way_is_neither_waited_for_nor_passed_over(shelf: Shelf) -> None:
    shelf.add("привет :D", "привет d")
    importer = Base(shelf.name, shelf.settings)
    with importer.unit():
        Answer.create(rx="пока :D", rx_norm="пока d", rx_hash=phrase_hash("пока d"), tx="Да")
        started = time.monotonic()
        with pytest.raises(StorageUnavailable):
            renormalise(shelf.base, shelf.client)
        assert time.monotonic() - started < 3, "a wait ends in a deadlock, or after 5 s"
        Answer.create(rx="ну :D", rx_norm="ну d", rx_hash=phrase_hash("ну d"), tx="Да")
    importer.close()
    assert renormalise(shelf.base, shelf.client) == Step(100)
    with shelf.base.unit():
        assert Answer.select().count() == 3 and right(list(Answer.select()))


_WALKER = """
    import sys
    from db.base import Base
    from db.links import redis_client
    from db.settings import load_settings
    from engine.matching import renormalise
    from pathlib import Path
    settings = load_settings(Path(sys.argv[1]), {"SALO_HOME": sys.argv[2]})
    renormalise.BATCH = 2
    renormalise.renormalise(Base(sys.argv[3], settings), redis_client(settings))
"""


def test_a_killed_walk_is_gone_on_with_and_old_forms_answer_meanwhile(
    shelf: Shelf, storage_settings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH", 20)
    rows = [
        {
            "rx": f"фраза {at // 2} {':D' if at % 2 else ''}",
            "rx_norm": f"старая {at}",
            "rx_hash": f"{at:032}",
            "tx": "Да",
        }
        for at in range(600)
    ]
    with shelf.base.unit():
        Answer.insert_many(rows).execute()
    command = [sys.executable, "-c", textwrap.dedent(_WALKER), str(storage_settings), str(tmp_path), shelf.name]
    walker = subprocess.Popen(command)

    def done() -> int:
        with shelf.base.unit():
            row = Normalising.get_or_none(Normalising.name == "answers")
            return int(row.done_id) if row else 0

    wait_until(lambda: done() > 20, 30)
    walker.kill()
    assert walker.wait() == -9, "killed in the middle"
    wait_until(lambda: renormalise(shelf.base, shelf.client, 0.0).percent < 100, 10)  # its last unit is rolled back
    assert 20 < done() < 600
    library = shelf.library(tmp_path / "home")
    assert shelf.said(library, "фраза 3") and shelf.said(library, "фраза 299"), "what is done, and what is not"
    assert renormalise(shelf.base, shelf.client) == Step(100)
    with shelf.base.unit():
        alive = list(Answer.select().where(Answer.deleted.is_null()))
    assert len(alive) == 300 and right(alive)
    assert shelf.told() == ["reload"]
