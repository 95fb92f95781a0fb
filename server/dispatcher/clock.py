"""Redis' clock, as far as this host knows it: all times of lanes are by it, since hosts' clocks differ."""

from __future__ import annotations

import time


class RedisClock:
    """Goes on by the monotonic clock from what Redis said last."""

    def __init__(self) -> None:
        self._ahead_ms = time.time() * 1000 - time.monotonic() * 1000

    def now_ms(self) -> int:
        return int(time.monotonic() * 1000 + self._ahead_ms)

    def seen(self, now_ms: int) -> None:
        """Take over the time of an answer that has just come."""
        self._ahead_ms = now_ms - time.monotonic() * 1000
