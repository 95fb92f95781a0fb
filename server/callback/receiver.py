"""From a posted body to the answer: verify, keep, and only then ``ok``. Knows neither HTTP nor Flask."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from db import keys
from db.accept import SCRIPT, Event, Outcome, accept_words
from db.errors import StorageUnavailable
from server.callback.counters import BoundedLog, Counters
from server.callback.doors import Doors, DoorTable
from server.callback.verify import NOT_KEPT, OK, REPEATED, Reply, verify
from server.callback.wire import Wire

log = logging.getLogger(__name__)

MEMORY_SHARE = 0.8  # of Redis' maxmemory: what is above is for settling what was accepted
MEMORY_CHECK_S = 1.0
_STALE_MAX = 5  # readings of the bots for one event

INBOX_FULL = Reply(503, b"not now", "inbox_full", retry_after_s=60)
MEMORY_SHORT = Reply(503, b"not now", "memory_short", retry_after_s=30)
NO_STORAGE = Reply(503, b"not now", "no_storage", retry_after_s=5)
BOTS_CHANGING = Reply(503, b"not now", "bots_changing", retry_after_s=5)
_QUIET = frozenset((OK.reason, REPEATED.reason, NOT_KEPT.reason, "confirmation"))


class Receiver:
    """Answers bodies. Safe to share between threads; a call lasts a few seconds at most, mostly 0.5 ms."""

    def __init__(self, doors: Doors, wire: Wire, inbox_max: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.counters = Counters()
        self._doors = doors
        self._wire = wire
        self._inbox_max = inbox_max
        self._memory = MemoryGuard(wire, clock)
        self._bounded = BoundedLog(log)

    def receive(self, group_id: int, body: bytes) -> Reply:
        """Return the answer to a body posted for ``group_id``; ``OK`` only when its event is on disk."""
        try:
            reply = self._receive(group_id, body)
        except StorageUnavailable as error:
            reply = NO_STORAGE
            self._bounded.warning(reply.reason, "event refused reason=no_storage error=%s", error)
        self.count(reply, group_id)
        return reply

    def count(self, reply: Reply, group_id: int) -> None:
        """Count an answer and, at a bounded rate, log one that the operator should know."""
        self.counters.add(reply.reason)
        if reply.reason not in _QUIET and reply is not NO_STORAGE:
            detail = reply.detail or "-"
            self._bounded.warning(
                reply.reason, "callback refused reason=%s group_id=%d detail=%s", reply.reason, group_id, detail
            )

    def is_ready(self) -> bool:
        """Say whether an event could be kept now."""
        try:
            self._doors.table()
            return bool(self._wire.call("PING")) and not self._memory.is_short()
        except StorageUnavailable:
            return False

    def _receive(self, group_id: int, body: bytes) -> Reply:
        table = self._doors.table()
        for _try in range(_STALE_MAX):
            found = verify(group_id, body, table.doors)
            if isinstance(found, Reply):
                if not found.about_bots or self._is_current(table):
                    return found
            else:
                reply = self._keep(table, found)
                if reply is not None:
                    return reply
            table = self._doors.newer_than(table.version)
        return BOTS_CHANGING

    def _keep(self, table: DoorTable, event: Event) -> Reply | None:
        """Put an event into its inbox; ``None`` when the bots it was verified with have changed."""
        if self._memory.is_short():
            return MEMORY_SHORT
        bot = table.doors[event.group_id].bot
        names, arguments = accept_words(bot, event, table.version, self._inbox_max)
        outcome = Outcome(self._wire.run(SCRIPT, names, arguments))
        return _ANSWERS[outcome]

    def _is_current(self, table: DoorTable) -> bool:
        """Ask whether the bots are still those of ``table``: a refusal from old knowledge would be a lie."""
        return int(self._wire.call("GET", keys.BOTS_VERSION) or 0) == table.version


_ANSWERS = {Outcome.ACCEPTED: OK, Outcome.SEEN: REPEATED, Outcome.FULL: INBOX_FULL, Outcome.STALE: None}


class MemoryGuard:
    """Says whether Redis is nearly full; asks it once a second, by whoever comes first."""

    def __init__(self, wire: Wire, clock: Callable[[], float]) -> None:
        self._wire, self._clock = wire, clock
        self._next_s = float("-inf")
        self._short = False

    def is_short(self) -> bool:
        now = self._clock()
        if now >= self._next_s:
            self._next_s = now + MEMORY_CHECK_S  # first, so that the others do not ask too
            self._short = is_memory_short(self._wire.call("INFO", "memory"))
        return self._short


def is_memory_short(info: bytes) -> bool:
    """Read ``INFO memory``: more than 80 % of ``maxmemory`` in use, if there is such a limit."""
    facts = dict(line.split(b":", 1) for line in info.splitlines() if b":" in line)
    limit = int(facts.get(b"maxmemory", 0))
    return limit > 0 and int(facts.get(b"used_memory", 0)) > limit * MEMORY_SHARE
