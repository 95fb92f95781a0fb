"""The last log lines and steps of messages, for whoever attaches and wants to see what was said just before."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Mapping
from sys import getsizeof
from typing import Any, NamedTuple

from db import codec
from db.protocol import PlatformEvent

TOPICS = frozenset({"log", "event"})
EVENTS_MAX = 5000
MEMORY_MAX = 4 << 20  # bytes that the kept events take in memory, about
ANSWER_EVENTS_MAX, ANSWER_BYTES_MAX = 1000, 900_000

_OVERHEAD = 300  # bytes of one event, before its texts


class _Kept(NamedTuple):
    event: PlatformEvent
    size: int


class FeedHistory:
    """A ring of events: the oldest goes when there are too many or when they take too much."""

    def __init__(self, events_max: int = EVENTS_MAX, memory_max: int = MEMORY_MAX) -> None:
        self._events_max, self._memory_max = events_max, memory_max
        self._events: deque[_Kept] = deque()
        self._memory = 0

    def keep(self, event: PlatformEvent) -> None:
        """Take one event in, if it is of a topic that is kept. Its data must not be changed later."""
        if event.topic not in TOPICS:
            return
        size = _OVERHEAD + sum(map(getsizeof, event.data.values()))
        self._events.append(_Kept(event, size))
        self._memory += size
        while len(self._events) > self._events_max or (self._memory > self._memory_max and len(self._events) > 1):
            self._memory -= self._events.popleft().size

    def last(self, count: int, bytes_max: int = ANSWER_BYTES_MAX) -> list[dict[str, Any]]:
        """Return the last ``count`` events (1,000 at most), oldest first; fewer if they do not fit into ``bytes_max``.

        An event that is not fit for JSON is left out.
        """
        found: deque[dict[str, Any]] = deque()
        for kept in itertools.islice(reversed(self._events), max(0, min(count, ANSWER_EVENTS_MAX))):
            shown = _shown(kept.event)
            length = _length(shown)
            if length > bytes_max:
                break
            if length:
                bytes_max -= length
                found.appendleft(shown)
        return list(found)


def _shown(event: PlatformEvent) -> dict[str, Any]:
    return {"seq": event.seq, "topic": event.topic, "at_ms": event.at_ms, "data": event.data}


def _length(shown: Mapping[str, Any]) -> int:
    """Return how many bytes an event takes in the answer, with a comma; 0 when it cannot be told."""
    try:
        return len(codec.dumps(shown)) + 1
    except TypeError:
        return 0
