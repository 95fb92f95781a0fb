"""What a lane does next with a free worker: answer, compose, send a batch, or nothing. Pure: values in, values out.

While a token's slots suffice, one job answers one message, which is the fastest. When more conversations wait than
slots are left, replies are composed without a slot, and one slot carries up to 25 of them.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal

PARTS_MAX = 25  # calls in one execute
LISTED_MAX = 50  # events of one job to compose
COMPOSED_MAX = 125  # events that are composed or being composed, and not on their way
FILL_MS = 60  # a batch waits so long for the rest of it
KEPT_MS = 20_000  # a composed reply that was not sent by then is decided again

Step = Literal["answer", "compose", "send", "nothing"]


@dataclass(frozen=True, slots=True)
class Load:
    """What a lane has to do."""

    ready: int  # conversations whose turn it is
    free: int  # slots that are left, as far as the lane knows
    is_blocked: bool = False  # Redis said that there is no slot
    head_is_alone: bool = False  # the first of the ready ones can be answered by a job of its own only
    can_compose: bool = False  # one of the ready ones can be composed
    composing: int = 0  # events
    parts: int = 0  # composed, and not on their way
    oldest_ms: int = 0  # how long ago the first of those was composed
    sent_batch_last: bool = False  # what took the last slot
    packs: bool = True  # whether replies may be packed at all


def next_step(load: Load) -> Step:
    """Return what a free worker is for."""
    is_backlog = load.ready > load.free and load.packs
    if not load.is_blocked:
        is_turn = load.sent_batch_last or not load.parts  # batches and those that go alone take slots in turn
        if load.ready and load.head_is_alone and is_turn:
            return "answer"
        if load.parts and (load.parts >= PARTS_MAX or load.oldest_ms >= FILL_MS or not _more_comes(load, is_backlog)):
            return "send"
        if load.ready and not is_backlog:
            return "answer"
    has_room = load.composing + load.parts < COMPOSED_MAX
    return "compose" if is_backlog and load.can_compose and has_room else "nothing"


def _more_comes(load: Load, is_backlog: bool) -> bool:
    return load.composing > 0 or (is_backlog and load.can_compose)


class SlotsLeft:
    """The token's slots as this lane knows them: those it took, less those that ended. Redis knows better."""

    def __init__(self, window_ms: int) -> None:
        self._window_ms = window_ms
        self._running = 0
        self._ends_ms: deque[int] = deque()

    def taken(self) -> None:
        self._running += 1

    def ended(self, used: int, now_ms: int) -> None:
        """A job with one slot from here is over; ``used`` below 0 is one."""
        self._running -= 1
        self._ends_ms.extend([now_ms + self._window_ms] * (1 if used < 0 else used))

    def free(self, per_second: int, now_ms: int) -> int:
        # What ends later than any could was noted before the clock was set back.
        while self._ends_ms and not now_ms < self._ends_ms[0] <= now_ms + self._window_ms:
            self._ends_ms.popleft()
        return max(per_second - self._running - len(self._ends_ms), 0)
