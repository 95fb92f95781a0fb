"""Looks after the index files of a host: makes those that are missing, damaged, stale or behind, and finds changes of
answers that nobody told of, since they were written by hand."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import redis

from db import delta
from db.base import Base
from db.delta import Change
from db.models import Answer
from db.state import StateDir
from engine.matching.book import AnswerRow
from engine.matching.building import Look, answers_of, build, came_after, changed_since, look_at, look_from
from engine.matching.index_file import NAME, About, IndexDamaged, open_index, verify
from engine.matching.layers import LayeredIndex
from engine.matching.library import CHANGED_MAX, Library, Stamp, stamp_of

VERIFY_EVERY_S = 600.0
CHANGES_MIN, CHANGES_SHARE = 2_000, 0.02  # of a base's answers: above both its file is made anew
REST = 4.0  # after an index was made, times what that took
IDS = 50_000  # read at once

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Tended:
    """What became of one base's index: why it was made anew (empty: it was not), how many changes were found."""

    made: str = ""
    untold: int = 0


@dataclass(slots=True)
class _Seen:
    """What is remembered of a base: how its table looked last, its file, and which was read from end to end, when."""

    look: Look = field(default_factory=Look)
    rests_until_s: float = 0.0  # before it is made anew only because it is behind: a long import changes all the time
    file: Stamp | None = None
    verified: Stamp | None = None
    verified_s: float = 0.0


class Tending:
    """Tends bases one by one. ``library`` is of this process alone."""

    def __init__(self, library: Library, client: redis.Redis, state: StateDir) -> None:
        self._library = library
        self._redis = client
        self._state = state
        self._seen: dict[str, _Seen] = {}

    def tend(self, base: Base) -> Tended:
        """Bring the index of ``base`` into order. ``StorageUnavailable``, ``OSError``, errors of Redis pass through."""
        seen = self._seen.setdefault(base.name, _Seen())
        wrong = self._wrong(base.name, seen)
        if wrong and not self._make(base, wrong, seen):
            return Tended()  # another process is at it
        index = self._library.index(base.name, delta.position(self._redis, base.name))
        untold = self._untold(base, index, seen)
        delta.publish(self._redis, base.name, untold)
        reason = self._behind(index, untold)
        if reason and time.monotonic() >= seen.rests_until_s and self._make(base, reason, seen):
            wrong = wrong or reason
        return Tended(wrong, len(untold))

    def _wrong(self, name: str, seen: _Seen) -> str:
        """Return what is wrong with the file, or nothing."""
        folder = self._state.index(name)
        stamp = stamp_of(folder / NAME)
        try:
            _arrays, about = open_index(folder)
            if about.life != self._library.life(name):
                return "another life"
            if stamp != seen.file:
                self._note(name, about, seen)
            if stamp != seen.verified or time.monotonic() - seen.verified_s > VERIFY_EVERY_S:
                verify(folder)
                seen.verified, seen.verified_s = stamp, time.monotonic()
        except FileNotFoundError:
            return "missing"
        except IndexDamaged as error:
            log.warning("index not usable base=%s error=%s", name, error)
            return str(error)
        return ""

    def _make(self, base: Base, reason: str, seen: _Seen) -> About | None:
        log.info("index is to be made base=%s reason=%s", base.name, reason)
        started_s = time.monotonic()
        about = build(base, self._redis, self._state.index(base.name))
        ended_s = time.monotonic()
        seen.rests_until_s = ended_s + REST * (ended_s - started_s)
        if about is not None:
            self._note(base.name, about, seen)
        return about

    def _note(self, name: str, about: About, seen: _Seen) -> None:
        """Take what a file was made of for what is known: only what has changed since is to be told."""
        seen.file, seen.look = stamp_of(self._state.index(name) / NAME), look_from(about.look)

    def _behind(self, index: LayeredIndex, untold: list[Change]) -> str:
        """Return why an index that is whole is to be made anew, or nothing."""
        if index.ask is not None or len(untold) > delta.RELOAD_ABOVE:
            return "much has changed at once"
        if index.changes > max(CHANGES_MIN, len(index) * CHANGES_SHARE):
            return f"{index.changes} changes"
        return ""

    def _untold(self, base: Base, index: LayeredIndex, seen: _Seen) -> list[Change]:
        """Return the changes that the index, which knows all that was told, does not have."""
        look = look_at(base)
        before = seen.look
        if look == before or index.ask is not None:
            return []
        changed = changed_since(base, before.updated, CHANGED_MAX)
        came = came_after(base, before.last_id, CHANGED_MAX)
        if changed is None or came is None:
            return [Change("reload")]
        found = _differences(index, {**came, **changed})
        if look.rows != before.rows + len(came):
            found.update(self._by_ids(base, index, found))
        seen.look = look
        return list(found.values())

    def _by_ids(self, base: Base, index: LayeredIndex, found: Mapping[int, Change]) -> dict[int, Change]:
        """Return what only a look at all ids finds: rows that are gone without a trace, or came in between."""
        stored, known = _ids(base), index.ids()
        missing = [answer_id for answer_id in np.setdiff1d(stored, known).tolist() if answer_id not in found]
        came = _differences(index, answers_of(base, missing[:CHANGED_MAX]))
        return {**came, **{gone: Change("del", gone) for gone in np.setdiff1d(known, stored).tolist()}}


def _differences(index: LayeredIndex, stored: Mapping[int, AnswerRow | None]) -> dict[int, Change]:
    """Return by id what is to be told of some rows, None of which is deleted."""
    found: dict[int, Change] = {}
    for answer_id, row in stored.items():
        known = index.row(answer_id)
        if row is not None and row.rx_norm:
            if row != known:
                found[answer_id] = Change("set", row.id, row.rx_norm, row.tx, row.weight, row.bot_id)
        elif known is not None:
            found[answer_id] = Change("del", answer_id)
    return found


def _ids(base: Base) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the ids of all answers that count."""
    return np.fromiter(_each_id(base), np.int64)


def _each_id(base: Base) -> Iterator[int]:
    after = 0
    while batch := base.run(partial(_some_ids, after)):
        yield from batch
        after = batch[-1]


def _some_ids(after: int) -> list[int]:
    query: Any = Answer.select(Answer.id).where(Answer.id > after, Answer.deleted.is_null())
    return [answer_id for (answer_id,) in query.order_by(Answer.id).limit(IDS).tuples()]
