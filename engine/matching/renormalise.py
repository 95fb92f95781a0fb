"""Gives the phrases of a base the forms of today's normaliser: in batches, by ids, each batch one transaction.

How far it has come is written in the same transaction (``Normalising``), so that whoever is killed, or comes beside,
goes on at the right place. Answers are given meanwhile: readers normalise what is not done yet (``stale_above``). Rows
of one phrase that had different forms become one. Workers are told once, when all is done.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import redis
from peewee import PeeweeException, fn

from db import delta
from db.base import Base
from db.delta import Change
from db.fields import utc_now
from db.models import Answer, Normalising
from engine.matching.normalise import NORMALISER_VERSION
from engine.matching.reform import ANSWERS, UNSOLVED, Reformed, Table, reform

BATCH = 500  # rows of one transaction
TABLES = (UNSOLVED, ANSWERS)  # in this order: a new answer takes its form from its unsolved phrase

log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Step:
    """How far a base has come. ``newer``: the version of a newer Salo, whose work is left alone."""

    percent: int
    newer: int | None = None


def renormalise(base: Base, client: redis.Redis, until_s: float = float("inf")) -> Step:
    """Go on until all is done, or the monotonic clock is at ``until_s``; at least one batch is done.

    ``StorageUnavailable`` passes through, also when somebody else holds a row; what is done stays done.
    """
    if base.run(_is_done):
        return Step(100)
    for place, table in enumerate(TABLES):
        while True:
            walk = _unwaiting(base, partial(_batch, table))
            if walk.version > NORMALISER_VERSION:
                return Step(100, walk.version)
            if walk.finished is not None:
                break
            if walk.is_at_end:
                _finish(base, client, table, walk)
                break
            if time.monotonic() > until_s:
                return Step(min((place * 100 + walk.percent) // len(TABLES), 99))
    while base.run(_rows_by_hand):
        told = _unwaiting(base, _reform_by_hand)
        delta.publish(client, base.name, told)
        if time.monotonic() > until_s:
            return Step(99)
    return Step(100)


def _unwaiting(base: Base, work: Callable[[], T]) -> T:
    """Run a unit that gives up at once where it would wait for a lock.

    Who does not wait is in no deadlock: MariaDB would end one by breaking an import off, and that is somebody's.
    """
    database: Any = base.database

    def unit() -> T:
        (usual,) = database.execute_sql("SELECT @@SESSION.innodb_lock_wait_timeout").fetchone()
        database.execute_sql("SET SESSION innodb_lock_wait_timeout = 0")
        try:
            return work()
        finally:
            with suppress(PeeweeException):  # a lost connection is not used again
                database.execute_sql("SET SESSION innodb_lock_wait_timeout = %s", (usual,))

    return base.run(unit)


def _is_done() -> bool:
    """Say whether there is nothing to do, without a lock: what is nearly always so."""
    is_ours = (Normalising.version == NORMALISER_VERSION, Normalising.finished.is_null(False))
    return Normalising.select().where(*is_ours).count() == len(TABLES) and not _rows_by_hand()


def stale_above(version: int = NORMALISER_VERSION) -> int | None:
    """Return the id above which answers' forms are to be made by the reader; ``None`` when all are right.

    Call it within a unit, before the rows are read.
    """
    walk = Normalising.get_or_none(Normalising.name == ANSWERS.name)
    if walk is None or walk.version != version:
        return 0
    return None if walk.finished is not None else int(walk.done_id)


@dataclass(frozen=True, slots=True)
class _Walk:
    version: int
    finished: object
    changed: int
    is_at_end: bool
    percent: int = 100


def _batch(table: Table) -> _Walk:
    """Do the next rows of a table, and note it. Runs in a unit; whoever comes beside waits for its end."""
    walk = _locked(table)
    if walk.version > NORMALISER_VERSION or walk.finished is not None:
        return _Walk(walk.version, walk.finished, walk.changed, is_at_end=True)
    model: Any = table.model
    rows = list(table.rows().where(model.id > walk.done_id).order_by(model.id).limit(BATCH).for_update())
    if not rows:
        return _Walk(walk.version, None, walk.changed, is_at_end=True)
    walk.changed += reform(table, rows).count
    walk.done_id = rows[-1].id
    walk.save()
    last = model.select(fn.MAX(model.id)).scalar()
    return _Walk(walk.version, None, walk.changed, is_at_end=False, percent=walk.done_id * 100 // max(last, 1))


def _locked(table: Table) -> Any:
    """Lock a table's note and return it, begun anew when it is of an older version."""
    note = Normalising.select().where(Normalising.name == table.name).for_update()
    walk = note.get_or_none()
    if walk is None:
        Normalising.insert(name=table.name, version=NORMALISER_VERSION).on_conflict_ignore().execute()
        walk = note.get()
    if walk.version < NORMALISER_VERSION:
        log.info("phrases are normalised anew table=%s from=%d to=%d", table.name, walk.version, NORMALISER_VERSION)
        walk.version, walk.done_id, walk.changed, walk.finished = NORMALISER_VERSION, 0, 0, None
        walk.save()
    return walk


def _finish(base: Base, client: redis.Redis, table: Table, walk: _Walk) -> None:
    """Tell the workers, then note the end: who is killed between the two tells them again."""
    if table is ANSWERS and walk.changed:
        delta.publish(client, base.name, [Change("reload")])
    is_same = (Normalising.name == table.name, Normalising.version == walk.version)
    base.run(lambda: Normalising.update(finished=utc_now()).where(*is_same).execute())
    log.info("phrases normalised base=%s table=%s changed=%d", base.name, table.name, walk.changed)


def _rows_by_hand() -> list[Any]:
    """Return some answers that were written by hand, without a hash; those set aside as repeats have none for good."""
    query = ANSWERS.rows().where(Answer.rx_hash.is_null(), Answer.deleted.is_null())
    return list(query.limit(BATCH))  # in no order: by ids MariaDB would read the whole table to find none


def _reform_by_hand() -> list[Change]:
    ids = [row.id for row in _rows_by_hand()]
    rows = list(ANSWERS.rows().where(Answer.id.in_(ids)).order_by(Answer.id).for_update()) if ids else []
    done: Reformed = reform(ANSWERS, rows, is_told=True)
    kept = list(Answer.select().where(Answer.id.in_(done.kept), Answer.deleted.is_null())) if done.kept else []
    sets = [Change("set", row.id, row.rx_norm or "", row.tx, row.weight, row.bot_id) for row in kept]
    return [*sets, *(Change("del", number) for number in done.lost)]
