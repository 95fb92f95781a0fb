"""Makes the index of a base from MariaDB's rows: one process of a host at a time, which may be killed at any moment.

Rows are read in batches of short units: what changes meanwhile is told after the position that was noted first.
"""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import redis
from peewee import fn

from db import codec, delta, keys
from db.base import Base
from db.models import Answer
from engine.matching.book import AnswerRow
from engine.matching.build import Array, build_arrays
from engine.matching.index_file import NAME, About, write_index
from engine.matching.normalise import normalise
from engine.matching.renormalise import stale_above

BATCH = 5_000  # rows of one unit
OVERLAP = timedelta(seconds=60)  # a row may be committed so long after the time it was changed at
LOCK = ".lock"
POLL_S = 0.02
_LOCK_MAX = 64  # bytes

log = logging.getLogger(__name__)

Told = Callable[[int, int], None]  # rows done, of how many about


@dataclass(frozen=True, slots=True)
class Look:
    """What changes whenever a row does: how many rows there are, the latest change of any, the highest id."""

    rows: int = 0
    updated: datetime | None = None
    last_id: int = 0

    def __str__(self) -> str:
        return f"{self.rows} {self.updated.isoformat() if self.updated else '-'} {self.last_id}"


def look_from(text: str) -> Look:
    """Return the look of a string that one was made to; of another an empty one."""
    try:
        rows, updated, last_id = text.split()
        return Look(int(rows), None if updated == "-" else datetime.fromisoformat(updated), int(last_id))
    except ValueError:
        return Look()


def look_at(base: Base) -> Look:
    """Return how the table of answers looks now. Counts all rows: a quarter of a second for a million."""

    def unit() -> Look:
        count: Any = Answer.select(fn.COUNT(Answer.id)).scalar()
        return Look(count, latest_change(), Answer.select(fn.MAX(Answer.id)).scalar() or 0)

    return base.run(unit)


def latest_change() -> datetime | None:
    """Return when a row was changed last. Call it within a unit; it is quick."""
    changed: datetime | None = Answer.select(fn.MAX(Answer.updated)).scalar()
    return changed


def life_of(client: redis.Redis, base: str) -> str:
    """Return what tells this base from an earlier one of its name."""
    raw: Any = client.hget(keys.BASES, base)
    return str(codec.loads(raw).get("journal", "")) if raw else ""


def build(base: Base, client: redis.Redis, folder: Path, told: Told = lambda done, total: None) -> About | None:
    """Write the index of a base and return what it was made of, or None while another process makes it.

    ``StorageUnavailable``, ``OSError`` and errors of Redis pass through; the index of before is then as it was.
    """
    with builder(folder) as is_ours:
        if not is_ours:
            return None
        started = time.monotonic()
        arrays, about = read_arrays(base, client, _noting(folder, told))
        write_index(folder, arrays, about)
        took_ms = (time.monotonic() - started) * 1000
        log.info("index made base=%s answers=%d took_ms=%d", base.name, about.rows, took_ms)
        return about


def read_arrays(
    base: Base, client: redis.Redis, told: Told = lambda done, total: None
) -> tuple[dict[str, Array], About]:
    """Return the arrays of a base's index, and what they were made of."""
    life, position = life_of(client, base.name), delta.position(client, base.name)  # before the rows
    look = look_at(base)
    arrays = build_arrays(_rows(base, look, told))
    made_ms = int(time.time() * 1000)
    return arrays, About(life, position, str(look), made_ms, len(arrays["row_id"]))


def _rows(base: Base, look: Look, told: Told) -> Iterator[AnswerRow]:
    right_to = base.run(stale_above)  # before the rows: what is normalised between is so once more here
    after, done = 0, 0
    while batch := base.run(partial(_batch, after)):
        after, done = batch[-1][0], done + len(batch)
        told(min(done, look.rows), look.rows)
        yield from (row for row in (row_of(right_to, *fields) for fields in batch) if row.rx_norm)


def _batch(after: int) -> list[Any]:
    query: Any = Answer.select(*COLUMNS).where(Answer.id > after, Answer.deleted.is_null())
    return list(query.order_by(Answer.id).limit(BATCH).tuples())


COLUMNS = (Answer.id, Answer.rx, Answer.rx_norm, Answer.tx, Answer.weight, Answer.bot_id)


def row_of(
    right_to: int | None, answer_id: int, rx: str, rx_norm: str | None, tx: str, weight: int, bot_id: int
) -> AnswerRow:
    """Return a row with its phrase. Above ``right_to`` the stored form may be an older normaliser's."""
    is_right = rx_norm is not None and (right_to is None or answer_id <= right_to)
    return AnswerRow(answer_id, rx_norm if is_right and rx_norm is not None else normalise(rx), tx, weight, bot_id)


def changed_since(base: Base, since: datetime | None, most: int) -> dict[int, AnswerRow | None] | None:
    """Return the answers that changed at ``since`` or later by id, None for a deleted one; None: more than ``most``.

    Those of a while before are among them, if that is not too much: they may have been committed since.
    """
    for overlap in (OVERLAP, timedelta(0)):
        found = _found(base, [] if since is None else [Answer.updated >= since - overlap], most + 1)
        if len(found) <= most:
            return found
    return None


def came_after(base: Base, last_id: int, most: int) -> dict[int, AnswerRow | None] | None:
    """Return the answers with a higher id, None for a deleted one; None: more than ``most``."""
    found = _found(base, [Answer.id > last_id], most + 1)
    return None if len(found) > most else found


def answers_of(base: Base, ids: list[int]) -> dict[int, AnswerRow | None]:
    """Return answers by id, None for a deleted one."""
    return _found(base, [Answer.id.in_(ids)], len(ids)) if ids else {}


def _every_answer() -> Any:
    return Answer.select(*COLUMNS, Answer.deleted)


def _found(base: Base, wanted: list[Any], most: int) -> dict[int, AnswerRow | None]:
    def unit() -> tuple[int | None, list[Any]]:
        right_to, query = stale_above(), _every_answer()
        return right_to, list((query.where(*wanted) if wanted else query).limit(most).tuples())

    right_to, rows = base.run(unit)
    return {fields[0]: None if deleted else row_of(right_to, *fields) for *fields, deleted in rows}


@contextmanager
def builder(folder: Path, wait_s: float = 0.0) -> Iterator[bool]:
    """Be the only one of this host who makes the index of ``folder``; False when another is, also after ``wait_s``."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    until_s = time.monotonic() + wait_s
    with (folder / LOCK).open("a+b", buffering=0) as lock:
        while not (is_ours := _locked(lock.fileno())) and time.monotonic() < until_s:
            time.sleep(POLL_S)  # the kernel's own wait for a lock has no limit
        if is_ours:
            lock.truncate(0)
            for draft in folder.glob(f".{NAME}.*"):  # of those who were killed
                draft.unlink(missing_ok=True)
        yield is_ours


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _noting(folder: Path, told: Told) -> Told:
    """Return who also writes into the lock how far it is."""

    def note(done: int, total: int) -> None:
        (folder / LOCK).write_text(f"{done} {total}")
        told(done, total)

    return note


def progress(folder: Path) -> tuple[int, int] | None:
    """Return how many rows have been read, of how many about, while an index is made here; else None."""
    try:
        descriptor = os.open(folder / LOCK, os.O_RDONLY)
    except OSError:
        return None
    try:
        if _locked(descriptor):
            return None
        done, _, total = os.read(descriptor, _LOCK_MAX).decode().partition(" ")
        return int(done or 0), int(total or 0)
    except ValueError:
        return 0, 0
    finally:
        os.close(descriptor)
