"""Redis' clock, as far as this host knows it: all times of lanes are by it, since hosts' clocks differ.

It may be set while we run. A jump is what it says beyond what a steady clock counted, so it is seen with the next
answer of Redis. A jump ahead would make what waits an old thing, and every new message too, whose date is VK's, and all
bots fall silent; so what it was seen to jump ahead does not count: rather a late answer than none. Of a clock that was
wrong from the start nothing is known here; the lanes warn then (``handling``).
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable

JUMP_MS = 10_000  # less is an answer that took its time
JUMPS_MAX = 16  # remembered

log = logging.getLogger(__name__)


def steady_s() -> float:
    """Return a clock that nobody sets and that goes on while the machine sleeps, when people and VK do not."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class RedisClock:
    """Goes on by a steady clock from what Redis said last."""

    def __init__(self, steady: Callable[[], float] = steady_s) -> None:
        self._steady = steady
        self._offset_ms = time.time() * 1000 - steady() * 1000
        self._is_seen = False
        self._ahead_ms = 0  # of where the first answer put it; below 0 it is behind
        self._jumps: deque[tuple[int, int]] = deque(maxlen=JUMPS_MAX)  # ahead: (time before it, by how much)

    def now_ms(self) -> int:
        return int(self._steady() * 1000 + self._offset_ms)

    def seen(self, now_ms: int) -> None:
        """Take over the time of an answer that has just come."""
        before_ms = self.now_ms()
        jump_ms = now_ms - before_ms
        if self._is_seen and abs(jump_ms) >= JUMP_MS:
            self._ahead_ms += jump_ms
            self._note(before_ms, jump_ms)
            log.warning("the clock of Redis jumped by_s=%+d; look after the time of its machine", jump_ms // 1000)
        self._is_seen = True
        self._offset_ms = now_ms - self._steady() * 1000

    def _note(self, before_ms: int, jump_ms: int) -> None:
        """Remember a jump ahead; one back takes the latest ones ahead off again."""
        if jump_ms > 0:
            self._jumps.append((before_ms, jump_ms))
            return
        while jump_ms < 0 and self._jumps:
            at_ms, ahead_ms = self._jumps.pop()
            jump_ms += ahead_ms
            if jump_ms > 0:
                self._jumps.append((at_ms, jump_ms))

    def late_ms(self, sent_ms: int, accepted_ms: int) -> int:
        """Return how long ago a message was written, not counting what the clock jumped ahead since, or is ahead.

        ``sent_ms`` is the earlier one of VK's date and of ``accepted_ms``, which is by Redis' clock as it was then.
        """
        since_ms = sum(jump_ms for before_ms, jump_ms in self._jumps if accepted_ms <= before_ms)
        return self.now_ms() - max(self._ahead_ms, since_ms, 0) - sent_ms
