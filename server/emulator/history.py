"""What Bots Long Poll keeps for one community: its switches, its key, and the last events by number.

``look`` decides what a poll gets; waiting for more is left to ``longpoll``.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from dataclasses import dataclass, field

from server.emulator.tuning import Tuning

LOST_JUMP = 1000  # by how much the numbers jump when everything was lost, so that an old one fits nothing


@dataclass(slots=True)
class LongPoll:
    """One community's long poll. ``last`` is the number of the newest event, ``kept`` holds the newest ones."""

    enabled: bool = False
    api_version: str = "5.199"
    events: set[str] = field(default_factory=set)
    key: str = ""
    key_until: float = 0.0
    lost: bool = False  # everything: who has the key needs a new one and a new number
    stalled: bool = False  # polls are taken and never answered
    muted: bool = False  # polls are answered in time, and with nothing, until somebody asks for the server again
    last: int = 0
    kept: deque[bytes] = field(default_factory=deque)
    asked: deque[float] = field(default_factory=deque)  # when getLongPollServer was called
    waiting: set[asyncio.Future[None]] = field(default_factory=set)

    @property
    def first(self) -> int:
        """The oldest number that can be continued from."""
        return self.last - len(self.kept)

    def add(self, event: bytes, most: int) -> None:
        self.last += 1
        self.kept.append(event)
        self.forget(len(self.kept) - most)
        self.wake()

    def forget(self, count: int) -> None:
        """Drop the ``count`` oldest events that are kept."""
        for _ in range(min(count, len(self.kept))):
            self.kept.popleft()

    def lose(self) -> None:
        """Drop everything; the key opens nothing any more and numbers go on elsewhere."""
        self.kept.clear()
        self.last += LOST_JUMP
        self.lost = True

    def open(self, now: float, key_s: float) -> str:
        """Begin a session: return the key, a new one where the old one is worthless; ``key_s`` 0 lasts for ever."""
        if self.lost or not self.key or now >= self.key_until:
            self.key, self.lost = secrets.token_hex(20), False
            self.key_until = now + key_s if key_s else float("inf")
        self.muted = False
        return self.key

    def wake(self) -> None:
        """Let all waiting polls look again."""
        for future in self.waiting:
            if not future.done():
                future.set_result(None)


@dataclass(frozen=True, slots=True)
class Failed:
    """VK's ``failed``; ``ts`` goes with 1 alone, as a number."""

    code: int
    ts: int | None = None


@dataclass(frozen=True, slots=True)
class News:
    """The events after a poll's number, none when there are none yet; ``ts`` is the number to go on from."""

    ts: int
    events: list[bytes]


def look(poll: LongPoll, key: str, ts: str, now: float, tuning: Tuning) -> Failed | News:
    """Return what a poll with ``key`` and ``ts`` gets at ``now``."""
    if not poll.enabled or not poll.key or key != poll.key or now >= poll.key_until:
        return Failed(2)
    if poll.lost:
        return Failed(3)
    number = int(ts) if ts.isdecimal() and len(ts) < 20 else -1
    if not poll.first <= number <= poll.last:
        return Failed(1, poll.last if tuning.longpoll_skips_lost else poll.first)
    if poll.muted:
        return News(number, [])
    start = number - poll.first
    stop = min(len(poll.kept), start + max(1, tuning.longpoll_batch))
    return News(poll.first + stop, [poll.kept[index] for index in range(start, stop)])
