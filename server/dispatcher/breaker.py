"""When a bot is paused because most of its messages fail. Pure: counts in, a decision out."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

WINDOW = 20  # attempts that are looked at
FAILED_MIN = 10  # of them


class Tally:
    """How the last attempts ended, without those that an outage ended. Forgets all but the last ``WINDOW``."""

    def __init__(self) -> None:
        self._failed: deque[bool] = deque(maxlen=WINDOW)

    def add(self, is_failed: bool) -> None:
        self._failed.append(is_failed)

    def clear(self) -> None:
        self._failed.clear()

    @property
    def is_tripped(self) -> bool:
        return is_tripped(self._failed)


def is_tripped(failed: Iterable[bool]) -> bool:
    """Say whether so many of the last attempts failed that the bot is better left alone for a while."""
    return sum(list(failed)[-WINDOW:]) >= FAILED_MIN


def length_s(step: int, first_s: float, most_s: float) -> float:
    """Return how long the pause lasts that was lengthened ``step`` times: doubling, bounded."""
    return float(min(first_s * 2 ** min(max(step, 0), 30), most_s))
