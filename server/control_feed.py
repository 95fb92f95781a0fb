"""What one subscriber has still to be told: bounded, the oldest dropped and counted, so that nobody waits for it."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

# All feeds hold the same lines, and each a run of the newest of its topics: whatever 64 clients leave unread takes
# no more than BYTES_MAX for each topic, and 10 MiB for who has which.
EVENTS_MAX = 20_000
BYTES_MAX = 8 << 20
PORTION_MAX = 256 << 10  # bytes handed to one client's socket at a time; these are a copy


@dataclass(frozen=True, slots=True)
class Dropped:
    """How many events a subscriber missed, and the number of the last of them."""

    count: int
    last_seq: int


@dataclass(frozen=True, slots=True)
class FeedLine:
    """One numbered event, ready to be written; all feeds share it."""

    seq: int
    line: bytes


class Feed:
    """A buffer between ``put``, which never waits, and ``take``, which does."""

    def __init__(self, topics: frozenset[str] | None, events_max: int = EVENTS_MAX, bytes_max: int = BYTES_MAX) -> None:
        self._topics = topics
        self._events_max, self._bytes_max = events_max, bytes_max
        self._lines: deque[FeedLine] = deque()
        self._bytes = 0
        self._dropped = Dropped(0, 0)
        self._some = asyncio.Event()

    def wants(self, topic: str) -> bool:
        """Return whether events of this topic are to be put in; no topics given means all of them."""
        return self._topics is None or topic in self._topics

    def put(self, item: FeedLine) -> None:
        """Add one event, dropping the oldest ones when the buffer is full."""
        self._lines.append(item)
        self._bytes += len(item.line)
        while len(self._lines) > self._events_max or (self._bytes > self._bytes_max and len(self._lines) > 1):
            oldest = self._pop()
            self._dropped = Dropped(self._dropped.count + 1, oldest.seq)
        self._some.set()

    async def take(self, portion_max: int = PORTION_MAX) -> tuple[Dropped, list[bytes]]:
        """Wait for events; return what was dropped before them, and the oldest of them: one, or as many as fit."""
        await self._some.wait()
        dropped, self._dropped = self._dropped, Dropped(0, 0)
        lines = [self._pop().line]
        left = portion_max - len(lines[0])
        while self._lines and len(self._lines[0].line) <= left:
            left -= len(self._lines[0].line)
            lines.append(self._pop().line)
        if not self._lines:
            self._some.clear()
        return dropped, lines

    def _pop(self) -> FeedLine:
        oldest = self._lines.popleft()
        self._bytes -= len(oldest.line)
        return oldest
