"""Places in the token's rate limit: what the lane took for this job, and more when a job needs more calls."""

from __future__ import annotations

from collections.abc import Callable


class Slots:
    """Counts the calls of one job. ``take_more(number)`` blocks until the shared limiter grants one, or raises."""

    def __init__(self, granted: int, take_more: Callable[[int], None]) -> None:
        self._granted = granted
        self._take_more = take_more
        self.used = 0

    def take(self) -> None:
        """Use one slot: a granted one while there is one, else one from the limiter."""
        if self.used >= self._granted:
            self._take_more(self.used)
        self.used += 1

    @property
    def is_free(self) -> bool:
        """Would the next call cost no waiting?"""
        return self.used < self._granted
