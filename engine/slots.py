"""Places in the token's rate limit: what the lane took for this job, and more when a job needs more calls."""

from __future__ import annotations

from collections.abc import Callable


class Slots:
    """Counts the calls of one job; its further slots are numbered from ``granted`` on.

    ``wait_for(number)`` blocks until the shared limiter grants a slot, or raises; ``ask_for(number)`` says at once
    whether it does.
    """

    def __init__(self, granted: int, wait_for: Callable[[int], None], ask_for: Callable[[int], bool]) -> None:
        self._granted = granted
        self._wait_for = wait_for
        self._ask_for = ask_for
        self.used = 0

    def take(self) -> None:
        """Use one slot: a granted one while there is one, else one from the limiter."""
        if self.used >= self._granted:
            self._wait_for(self.used)
        self.used += 1

    def try_take(self) -> bool:
        """Use one slot if that costs no waiting."""
        if self.used >= self._granted and not self._ask_for(self.used):
            return False
        self.used += 1
        return True
