"""The indexes of one worker: opened from files that all workers of a host share, kept up with the bases' changes.

A job says up to which change its base had come when it was handed out; the index is brought up to that before it
answers. Files are made by the ticker ``match_index``; a small base without one is indexed by the worker that needs it.
While MariaDB is down an index answers, with every change that Redis still tells of.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import redis
from peewee import PeeweeException

from db import delta
from db.base import Base
from db.errors import StorageUnavailable
from db.models import Answer
from db.state import StateDir
from engine.errors import BaseUnavailable
from engine.matching.book import AnswerRow
from engine.matching.build import Array, build_arrays
from engine.matching.building import (
    COLUMNS,
    builder,
    changed_since,
    latest_change,
    life_of,
    look_from,
    read_arrays,
    row_of,
)
from engine.matching.index_file import NAME, About, IndexDamaged, open_index, verify, write_index
from engine.matching.layers import LayeredIndex, own_first
from engine.matching.normalise import phrase_hash
from engine.matching.renormalise import stale_above
from engine.matching.segment import Segment
from engine.sparing import Sparing

SMALL_MAX = 20_000  # answers of a base that a worker indexes itself
CHANGED_MAX = 10_000  # answers that are read at once; with more the next file is waited for
SPARE_S = 10  # a base that could not be read is not asked again by the next job
BUILDER_WAIT_S = 3.0  # for another worker that indexes the same base

log = logging.getLogger(__name__)

Stamp = tuple[int, int, int]  # of a file: which, how long, when


@dataclass(slots=True)
class _Kept:
    """An index, the life of its base, the change up to which it is true, the latest change of a row that it knows."""

    index: LayeredIndex
    life: str
    position: str
    seen: datetime | None
    stamp: Stamp | None = None


class Library:
    """Indexes by base. ``open_base`` gives the way into a base; errors of Redis pass through.

    ``open_hurried`` gives the same with a limit that talk can bear: it shows whether MariaDB answers at all, unless
    ``sparing`` knows that it did not a moment ago. Not for two threads at once.
    """

    def __init__(
        self,
        client: redis.Redis,
        open_base: Callable[[str], Base],
        state: StateDir,
        sparing: Sparing | None = None,
        open_hurried: Callable[[str], Base] | None = None,
    ) -> None:
        self._redis = client
        self._open_base = open_base
        self._sparing = sparing or Sparing()
        self._open_hurried = open_hurried or open_base
        self._state = state
        self._kept: dict[str, _Kept] = {}
        self._spared_until: dict[str, float] = {}  # base -> when one that could not be read is asked for again

    def index(self, base: str, wanted: str) -> LayeredIndex:
        """Return the index of ``base``, true at least up to the change ``wanted``. Raises ``BaseUnavailable``."""
        kept = self._kept.get(base)
        if kept is not None:
            kept = self._followed(base, kept)
        if kept is None or (wanted == delta.START and kept.position != delta.START):  # the base was made anew
            kept = self._first(base)
        elif wanted and is_before(kept.position, wanted) and not self._catch_up(base, kept):
            kept = self._read_up(base, kept)
        self._kept[base] = kept
        return kept.index

    def life(self, base: str) -> str:
        """Return what tells a base from an earlier one of its name."""
        return life_of(self._redis, base)

    def is_damaged(self, base: str) -> bool:
        """Read the whole file of a base's index; forget one that is not as it was written."""
        folder = self._state.index(base)
        try:
            verify(folder)
        except FileNotFoundError:
            return False
        except IndexDamaged as error:
            log.error("index thrown away base=%s error=%s", base, error)
            (folder / NAME).unlink(missing_ok=True)
            self._kept.pop(base, None)
            return True
        return False

    def _followed(self, base: str, kept: _Kept) -> _Kept | None:
        """Return what to go on with: the file that was put in place since, or ``kept``; None when that is broken.

        Asked for each job: to read on in a file that was cut would end the process.
        """
        stamp = stamp_of(self._state.index(base) / NAME)
        if stamp == kept.stamp:
            return kept
        was, kept.stamp = kept.stamp, stamp
        opened = self._opened(base)
        if opened is not None and not is_before(opened.position, kept.position):
            return opened
        if opened is not None and self._catch_up(base, opened):
            return opened
        is_same_file = was is not None and stamp is not None and was[0] == stamp[0]
        return None if is_same_file else kept

    def _first(self, base: str) -> _Kept:
        """Return an index to begin with: the file's, else one that is made here."""
        opened = self._opened(base)
        if opened is not None:
            return opened if self._catch_up(base, opened) else self._read_up(base, opened)
        made = self._made(base)
        if made is None:
            raise BaseUnavailable(f"base {base}: MariaDB does not answer, and no index of its answers is at hand")
        return made

    def _opened(self, base: str) -> _Kept | None:
        """Return the index of the file, or None when there is none of this life of the base that can be used."""
        folder = self._state.index(base)
        stamp = stamp_of(folder / NAME)
        try:
            arrays, about = open_index(folder)
        except FileNotFoundError:
            return None
        except (IndexDamaged, OSError) as error:
            log.warning("index not usable base=%s error=%s", base, error)
            return None
        if about.life != life_of(self._redis, base):
            return None
        return _kept(LayeredIndex(Segment(arrays)), about, stamp)

    def _catch_up(self, base: str, kept: _Kept) -> bool:
        """Apply what Redis tells of; False when that is not all."""
        changes = delta.read_since(self._redis, base, kept.position)
        if changes is None:
            return False
        for position, change in changes:
            if change.op == "set":
                kept.index.put(AnswerRow(change.id, change.rx_norm, change.tx, change.weight, change.bot_id))
            else:
                kept.index.remove(change.id)
            kept.position = position
        return True

    def _read_up(self, base: str, kept: _Kept) -> _Kept:
        """Apply what MariaDB has changed since; what is too much for that is asked for phrase by phrase."""
        life = life_of(self._redis, base)
        if life != kept.life:
            return self._made(base) or kept
        if not self._may_read(base):
            return kept
        position = delta.position(self._redis, base)  # before the rows: a change told twice is harmless
        try:
            self._probe(base)
            opened = self._open_base(base)
            seen, is_large = opened.run(latest_change), opened.run(_is_large)
            changed = changed_since(opened, kept.seen, CHANGED_MAX)
        except (StorageUnavailable, PeeweeException) as error:
            self._not_read(base, error)
            return kept
        if changed is None and not is_large:
            return self._made(base) or kept
        if changed is None:
            kept.index.ask = partial(self._ask, base)
            self._spared_until[base] = time.monotonic() + SPARE_S
            log.info("index is behind until it is made anew base=%s", base)
            return kept
        for answer_id, row in changed.items():
            if row is None:
                kept.index.remove(answer_id)
            elif kept.index.row(answer_id) != row:
                kept.index.put(row)
        kept.position, kept.seen, kept.index.ask = position, seen, None
        return kept

    def _made(self, base: str) -> _Kept | None:
        """Return an index of MariaDB's rows, or None when MariaDB does not answer; of a large base an empty one."""
        if not self._may_read(base):
            return None
        folder = self._state.index(base)
        try:
            self._probe(base)
            opened = self._open_base(base)
            if opened.run(_is_large):
                return self._asking(base)
            with builder(folder, BUILDER_WAIT_S) as is_ours:
                made = None if is_ours else self._opened(base)  # by the one who was waited for
                if made is not None:
                    return made
                arrays, about = read_arrays(opened, self._redis)
                return _kept(LayeredIndex(Segment(arrays)), about, _written(folder, arrays, about) if is_ours else None)
        except (StorageUnavailable, PeeweeException) as error:
            self._not_read(base, error)
            return None

    def _asking(self, base: str) -> _Kept:
        """Return what serves a large base until its file is made: each phrase is asked for, none is compared."""
        position, life = delta.position(self._redis, base), life_of(self._redis, base)
        index = LayeredIndex(Segment(build_arrays(())))
        index.ask = partial(self._ask, base)
        return _Kept(index, life, position, None)

    def _ask(self, base: str, rx_norm: str, bot_id: int) -> list[AnswerRow]:
        """Return MariaDB's answers to exactly this phrase."""

        def unit() -> list[AnswerRow]:
            right_to = stale_above()
            of_phrase = (Answer.rx_hash == phrase_hash(rx_norm), Answer.deleted.is_null())
            found: Any = Answer.select(*COLUMNS).where(*of_phrase).tuples()
            return [row_of(right_to, *fields) for fields in found]

        try:
            rows = self._open_hurried(base).run(unit)
        except PeeweeException as error:
            raise BaseUnavailable(f"base {base}: {error}"[:200]) from error
        return own_first([row for row in rows if row.rx_norm == rx_norm], bot_id)

    def _may_read(self, base: str) -> bool:
        return time.monotonic() >= self._spared_until.get(base, 0.0) and self._sparing.may_ask()

    def _not_read(self, base: str, error: Exception) -> None:
        log.warning("base not read base=%s error=%s", base, error)
        if not isinstance(error, StorageUnavailable):  # this base alone cannot be read: it is not made yet
            self._spared_until[base] = time.monotonic() + SPARE_S

    def _probe(self, base: str) -> None:
        """Touch the table in a hurry: a server that hangs, or a lock, is given up in time for whoever waits."""
        with self._open_hurried(base).unit():
            Answer.select(Answer.id).limit(1).get_or_none()


def is_before(position: str, wanted: str) -> bool:
    """Say whether a position in a base's changes is before another."""
    return _halves(position) < _halves(wanted)


def _halves(position: str) -> tuple[int, int]:
    first, _, second = position.partition("-")
    return int(first), int(second or 0)


def _kept(index: LayeredIndex, about: About, stamp: Stamp | None) -> _Kept:
    return _Kept(index, about.life, about.position, look_from(about.look).updated, stamp)


def _is_large() -> bool:
    beyond: Any = Answer.select(Answer.id).where(Answer.deleted.is_null()).offset(SMALL_MAX).limit(1)
    return bool(list(beyond.tuples()))


def _written(folder: Path, arrays: dict[str, Array], about: About) -> Stamp | None:
    """Write the file for the other workers. A disk that refuses is logged: the index in memory is what counts."""
    try:
        return stamp_of(write_index(folder, arrays, about))
    except OSError as error:
        log.warning("index not written folder=%s error=%s", folder, error)
        return None


def stamp_of(file: Path) -> Stamp | None:
    """Return what tells a file from one that was put in its place or cut, or None when there is none."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
