"""What one subscriber has still to be told: bounded, the oldest dropped and counted, so that nobody waits for it."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

EVENTS_MAX = 1000
BYTES_MAX = 1 << 20


@dataclass(frozen=True, slots=True)
class Dropped:
    """How many events a subscriber missed, and the number of the last of them."""

    count: int
    last_seq: int


class Feed:
    """A buffer between ``put``, which never waits, and ``take``, which does. Lines are ready to be written."""

    def __init__(self, topics: frozenset[str] | None, events_max: int = EVENTS_MAX, bytes_max: int = BYTES_MAX) -> None:
        self._topics = topics
        self._events_max, self._bytes_max = events_max, bytes_max
        self._lines: deque[tuple[int, bytes]] = deque()
        self._bytes = 0
        self._dropped = Dropped(0, 0)
        self._some = asyncio.Event()

    def wants(self, topic: str) -> bool:
        """Return whether events of this topic are to be put in; no topics given means all of them."""
        return self._topics is None or topic in self._topics

    def put(self, seq: int, line: bytes) -> None:
        """Add one event, dropping the oldest ones when the buffer is full."""
        self._lines.append((seq, line))
        self._bytes += len(line)
        while len(self._lines) > self._events_max or (self._bytes > self._bytes_max and len(self._lines) > 1):
            oldest, gone = self._lines.popleft()
            self._bytes -= len(gone)
            self._dropped = Dropped(self._dropped.count + 1, oldest)
        self._some.set()

    async def take(self) -> tuple[Dropped, list[bytes]]:
        """Wait for events; return what was dropped before them, and the events."""
        await self._some.wait()
        self._some.clear()
        dropped, lines = self._dropped, [line for _seq, line in self._lines]
        self._lines.clear()
        self._bytes, self._dropped = 0, Dropped(0, 0)
        return dropped, lines
