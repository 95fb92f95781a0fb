"""How long until the next try. Arithmetic only."""

from __future__ import annotations

import random

FIRST_S, MOST_S = 0.5, 60.0
DIED_S = 0.25  # after an event's first worker died: long enough for what it had sent to have reached VK
OUTAGE_FIRST_S, OUTAGE_MOST_S = 2.0, 30.0  # the first is longer than a window of the rate: its slot is free again


def backoff_s(attempt: int, dice: random.Random, *, first_s: float = FIRST_S, most_s: float = MOST_S) -> float:
    """Return how long to wait before the next try of attempt number ``attempt`` (counted from 1).

    Doubles up to ``most_s`` and varies by ±20 %, so that a thousand conversations do not come back at once.
    """
    doubled: float = first_s * 2 ** min(attempt - 1, 30)
    return min(doubled, most_s) * dice.uniform(0.8, 1.2)
