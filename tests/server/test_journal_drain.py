"""What a journal says is in the base exactly once, whatever dies in between, and a bad row stops nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import peewee
import pytest
import redis

from db import codec, keys
from db.base import Base
from db.bases import BaseStore
from db.dead import DeadLetters
from db.errors import StorageUnavailable
from db.models import History, JournalApplied, Person, PersonStatus, Unsolved, UnsolvedStatus
from server.journal import drain as drain_module
from server.journal.drain import BYTES_MAX, DOUBT_AFTER, ENTRIES_MAX, Drain
from tests.server.test_journal_rows import history, person, unsolved

Write = Callable[..., str]


@pytest.fixture
def drain(base: Base, clean_redis: redis.Redis) -> Drain:
    return Drain(base, "life1", clean_redis)


@pytest.fixture
def write(clean_redis: redis.Redis) -> Write:
    """Write one journal entry with these rows."""

    def write(*rows: Any) -> str:
        return clean_redis.xadd(keys.journal("main"), {"ops": codec.dumps(list(rows))}).decode()

    return write


def drain_all(drain: Drain) -> None:
    while drain.drain_batch():
        pass


def events(base: Base) -> list[str]:
    with base.unit():
        return [row.event_id for row in History.select().order_by(History.id)]


def times(base: Base) -> dict[str, int]:
    with base.unit():
        return {row.rx_norm: row.times for row in Unsolved.select()}


def letters(client: redis.Redis) -> list[Any]:
    return [letter.event for letter in reversed(DeadLetters(client).page())]


def test_rows_reach_their_tables_and_leave_the_journal(
    base: Base, drain: Drain, write: Write, clean_redis: redis.Redis
) -> None:
    write(history(event_id="e1"), unsolved(rx="Кто ты?"), person(fi_name="Аня", la_name="Иванова"))
    write({"op": "ignored", "reason": "stale"})
    assert drain.drain_batch() == 2
    assert drain.drain_batch() == 0 and clean_redis.xlen(keys.journal("main")) == 0
    with base.unit():
        row = History.get()
        assert (row.event_id, row.rx, row.tx, row.answer_id, row.score) == ("e1", "привет", "и тебе", 3, 1.0)
        assert Unsolved.get().rx == "Кто ты?" and Unsolved.get().status is UnsolvedStatus.NEW
        known = Person.get()
        assert (known.fi_name, known.la_name, known.user_name) == ("Аня", "Иванова", "Аня")
    assert clean_redis.xlen(keys.DEAD) == 0


def test_counters_grow_and_what_people_made_of_rows_stays(base: Base, drain: Drain, write: Write) -> None:
    write(unsolved(), person(fi_name="Аня"))
    drain_all(drain)
    with base.unit():
        Unsolved.update(status=UnsolvedStatus.REJECTED).execute()
        Person.update(user_name="Нюта", status=PersonStatus.BANNED).execute()
    write(unsolved(), unsolved(), person(fi_name="Анна", time=1_780_000_000_000))
    write(unsolved(), history(time=1_690_000_000_000))
    drain_all(drain)
    with base.unit():
        phrase, known = Unsolved.get(), Person.get()
        assert (phrase.times, phrase.status) == (4, UnsolvedStatus.REJECTED)
        assert (known.fi_name, known.user_name, known.status) == ("Анна", "Нюта", PersonStatus.BANNED)
        assert known.last_seen.year == 2026 and known.last_seen.month == 5


def test_person_known_by_messages_alone_gets_names_later(base: Base, drain: Drain, write: Write) -> None:
    write(history())
    drain_all(drain)
    write(person(fi_name="Аня"))
    drain_all(drain)
    with base.unit():
        assert (Person.get().fi_name, Person.get().user_name) == ("Аня", "Аня")


def test_batch_that_was_committed_but_not_forgotten_is_skipped(
    base: Base, drain: Drain, write: Write, clean_redis: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a kill between the commit and XDEL."""

    def killed(*_arguments: object) -> None:
        raise KeyboardInterrupt

    for number in range(5):
        write(history(event_id=f"e{number}"), unsolved())
    with monkeypatch.context() as patch:
        patch.setattr(drain, "_forget", killed)
        with pytest.raises(KeyboardInterrupt):
            drain.drain_batch()
    assert clean_redis.xlen(keys.journal("main")) == 5
    write(history(event_id="e5"), unsolved())
    drain_all(Drain(base, "life1", clean_redis))
    assert events(base) == [f"e{number}" for number in range(6)]
    assert times(base) == {"что": 6}


def test_two_writers_at_once_write_everything_once(base: Base, write: Write, clean_redis: redis.Redis) -> None:
    """A writer that only seemed dead goes on beside its successor."""
    count = 1500
    for number in range(count):
        write(history(event_id=f"e{number}"), unsolved())
    failed: list[Exception] = []

    def work() -> None:
        own = Drain(base, "life1", clean_redis)
        try:
            while clean_redis.xlen(keys.journal("main")):
                try:
                    own.drain_batch()
                except (peewee.OperationalError, StorageUnavailable) as error:  # they collided too often
                    assert drain_module.is_passing(error)
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert events(base) == [f"e{number}" for number in range(count)]
    assert times(base) == {"что": count}


def test_journal_of_a_new_redis_is_not_taken_for_an_old_one(
    base: Base, base_store: BaseStore, drain: Drain, write: Write, clean_redis: redis.Redis
) -> None:
    clean_redis.xadd(keys.journal("main"), {"ops": codec.dumps([history()])}, id="9999999999999-5")
    drain_all(drain)
    clean_redis.flushall()
    write(history(event_id="e2"))  # a smaller id than the last one applied
    drain_all(Drain(base, base_store.create("main").journal, clean_redis))
    assert events(base) == ["e1", "e2"]


def test_bad_rows_are_found_and_buried_and_the_rest_is_written(
    base: Base, drain: Drain, write: Write, clean_redis: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad_for_maria, bad_for_us = history(event_id="x" * 65), history(event_id="bad", bot_id="one")
    for number in range(ENTRIES_MAX):
        rows = [history(event_id=f"e{number}"), unsolved()]
        if number in (3, 4, 60):
            rows.insert(number % 2, bad_for_maria if number != 60 else bad_for_us)
        write(*rows)
    whole: list[int] = []
    monkeypatch.setattr(drain_module, "write_rows", spy(drain_module.write_rows, whole))
    assert drain.drain_batch() == ENTRIES_MAX
    assert events(base) == [f"e{number}" for number in range(ENTRIES_MAX)]
    assert times(base) == {"что": ENTRIES_MAX}
    assert letters(clean_redis) == [bad_for_maria, bad_for_maria, bad_for_us]
    assert clean_redis.xlen(keys.journal("main")) == 0
    assert len(whole) < 50  # halved, not row by row


def spy(function: Callable[..., None], sizes: list[int]) -> Callable[..., None]:
    def spied(rows: Any) -> None:
        sizes.append(len(rows))
        function(rows)

    return spied


def test_buried_row_is_written_when_it_is_replayed_after_its_table_was_mended(
    base: Base, drain: Drain, write: Write, clean_redis: redis.Redis
) -> None:
    write(history(event_id="x" * 65))
    drain_all(drain)
    dead = DeadLetters(clean_redis)
    with base.unit():
        base.database.execute_sql("ALTER TABLE history MODIFY event_id VARCHAR(128) NOT NULL")
    dead.replay(dead.page()[0].id)
    drain_all(drain)
    assert events(base) == ["x" * 65] and dead.count() == 0


@pytest.mark.parametrize("ops", [b"", b"[1, 2", b"{}"])
def test_entry_that_is_no_list_is_buried_whole(
    base: Base, drain: Drain, write: Write, clean_redis: redis.Redis, ops: bytes
) -> None:
    clean_redis.xadd(keys.journal("main"), {"ops": ops})
    write(history(event_id="e1"))
    drain_all(drain)
    assert events(base) == ["e1"]
    assert len(letters(clean_redis)) == 1


def test_row_buried_before_a_kill_is_buried_once(
    base: Base, drain: Drain, write: Write, clean_redis: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill between the burial and the commit repeats the entry, with every row before and after the bad ones."""

    def killed(*_arguments: object) -> None:
        raise KeyboardInterrupt

    bad = [history(event_id=f"bad{number}", time="now") for number in range(3)]
    write(history(event_id="e1"), bad[0], unsolved(), bad[1], bad[2], history(event_id="e2"))
    for _kill in range(2):
        with monkeypatch.context() as patch:
            patch.setattr(drain, "_note", killed)
            with pytest.raises(KeyboardInterrupt):
                drain.drain_batch()
    write(bad[0])
    drain_all(Drain(base, "life1", clean_redis))
    assert letters(clean_redis) == [*bad, bad[0]]
    assert events(base) == ["e1", "e2"] and times(base) == {"что": 1}


def test_missing_table_is_waited_for_and_blames_no_row(
    base: Base, drain: Drain, write: Write, clean_redis: redis.Redis
) -> None:
    write(history(event_id="e1"))
    with base.unit():
        base.database.execute_sql("RENAME TABLE history TO away")
    for _try in range(DOUBT_AFTER + 2):
        with pytest.raises(peewee.ProgrammingError):
            drain.drain_batch()
    with base.unit():
        base.database.execute_sql("RENAME TABLE away TO history")
    drain_all(drain)
    assert events(base) == ["e1"] and letters(clean_redis) == []


def test_error_we_do_not_know_is_waited_out_first_and_blamed_on_the_row_then(
    base: Base, drain: Drain, write: Write, clean_redis: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = drain_module.write_rows

    def strange(rows: Any) -> None:
        if any(getattr(row, "event_id", "") == "strange" for row in rows):
            raise peewee.OperationalError(3999, "something new")
        real(rows)

    monkeypatch.setattr(drain_module, "write_rows", strange)
    for event in ("e1", "strange", "e2"):
        write(history(event_id=event))
    for _try in range(DOUBT_AFTER):
        with pytest.raises(peewee.OperationalError):
            drain.drain_batch()
        assert events(base) == [] and letters(clean_redis) == []
    drain_all(drain)
    assert events(base) == ["e1", "e2"]
    assert [letter["event_id"] for letter in letters(clean_redis)] == ["strange"]


def test_batch_is_bounded_by_entries_and_by_bytes(drain: Drain, write: Write) -> None:
    for _number in range(ENTRIES_MAX + 1):
        write(unsolved())
    assert [drain.drain_batch(), drain.drain_batch()] == [ENTRIES_MAX, 1]
    large = [history(rx="ж" * 32_000) for _ in range(20)]
    for _number in range(6):
        write(*large)
    sizes = []
    while count := drain.drain_batch():
        sizes.append(count)
    assert sum(sizes) == 6 and max(sizes) <= BYTES_MAX // (20 * 64_000)


def test_only_one_line_says_how_far_the_base_is(base: Base, drain: Drain, write: Write) -> None:
    last = ""
    for _number in range(3):
        last = write(unsolved())
        drain_all(drain)
    with base.unit():
        row = JournalApplied.get()
        assert (JournalApplied.select().count(), f"{row.last_ms}-{row.last_seq}") == (1, last)
