"""The token's limit: at most N requests in any second. Counts what came, to show how close a client went.

A script of ``execute`` is one request, whatever it calls.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field

WINDOW_S = 1.0
METHODS_MAX = 500  # names that are counted apart; a client may call anything


@dataclass(slots=True)
class Meter:
    """One token's requests. ``most`` is the largest number that came in any second, whatever became of them."""

    admitted: deque[float] = field(default_factory=deque)
    arrived: deque[float] = field(default_factory=deque)
    most: int = 0
    total: int = 0
    refused: int = 0
    methods: Counter[str] = field(default_factory=Counter)

    def arrive(self, now: float, method: str) -> None:
        """Count one request at ``now``, before anything can go wrong with it."""
        _drop_old(self.arrived, now)
        self.arrived.append(now)
        self.most = max(self.most, len(self.arrived))
        self.total += 1
        self.methods[method if method in self.methods or len(self.methods) < METHODS_MAX else "others"] += 1

    def admit(self, now: float, limit: int) -> bool:
        """Return False when ``limit`` admitted requests lie less than a second back.

        A refused request does not push the next ones back, so that a client that waits a second gets on.
        """
        _drop_old(self.admitted, now)
        if limit and len(self.admitted) >= limit:
            self.refused += 1
            return False
        self.admitted.append(now)
        return True

    def forget(self) -> None:
        """Count from here on; what was admitted in this second still counts against the limit."""
        self.arrived.clear()
        self.methods.clear()
        self.most = self.total = self.refused = 0


def _drop_old(times: deque[float], now: float) -> None:
    while times and now - times[0] >= WINDOW_S:
        times.popleft()
