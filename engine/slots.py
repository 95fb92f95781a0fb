"""Places in the token's rate limit: what the lane took for this job, and more when a job needs more calls."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

_Call = tuple[str, float, float]  # method, sent, answered; by the monotonic clock


class Slots:
    """Counts the calls of one job; its further slots are numbered from ``granted`` on.

    ``wait_for(number)`` blocks until the shared limiter grants a slot, or raises; ``ask_for(number)`` says at once
    whether it does.
    """

    def __init__(
        self,
        granted: int,
        wait_for: Callable[[int], None],
        ask_for: Callable[[int], bool],
        begins_s: float = 0.0,
    ) -> None:
        """``begins_s``: when the granted slots begin, by the monotonic clock."""
        self._granted = granted
        self._wait_for = wait_for
        self._ask_for = ask_for
        self._begins_s = begins_s
        self._calls: dict[int, _Call] = {}  # by slot
        self.used = 0

    def take(self) -> None:
        """Use one slot: a granted one while there is one, once it begins, else one from the limiter."""
        if self.used >= self._granted:
            self._wait_for(self.used)
        elif (early_s := self._begins_s - time.monotonic()) > 0:
            time.sleep(early_s)
        self.used += 1

    def try_take(self) -> bool:
        """Use one slot if that costs no waiting."""
        is_granted = self.used < self._granted and self._begins_s <= time.monotonic()
        if not is_granted and (self.used < self._granted or not self._ask_for(self.used)):
            return False
        self.used += 1
        return True

    def note(self, method: str, sent_s: float, ended_s: float) -> None:
        """Note the call that the last slot was used for. ``method`` is empty when VK did not answer."""
        self._calls[self.used - 1] = (method, sent_s, ended_s)

    def told(self) -> dict[str, Any]:
        """Return what the verdict tells of the slots. To be asked right before the report."""
        return {"slots_used": self.used, "calls_ms": self.calls_ms()}

    def calls_ms(self) -> tuple[tuple[str, float, float], ...]:
        """Return for each used slot the method, and how long ago its call was sent and answered."""
        now_s = time.monotonic()
        known = [self._calls.get(number, ("", now_s, now_s)) for number in range(self.used)]
        return tuple((method, _ago_ms(now_s, sent_s), _ago_ms(now_s, ended_s)) for method, sent_s, ended_s in known)


def _ago_ms(now_s: float, then_s: float) -> float:
    return round((now_s - then_s) * 1000, 2)
