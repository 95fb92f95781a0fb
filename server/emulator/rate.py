"""The token's limit: at most N requests in any second. Counts what came, to show how close a client went."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

WINDOW_S = 1.0


@dataclass(slots=True)
class Meter:
    """One token's requests. ``most`` is the largest number that came in any second, refused ones included."""

    admitted: deque[float] = field(default_factory=deque)
    arrived: deque[float] = field(default_factory=deque)
    most: int = 0
    total: int = 0
    refused: int = 0

    def admit(self, now: float, limit: int) -> bool:
        """Count one request at ``now``; False when ``limit`` admitted ones lie less than a second back.

        A refused request does not push the next ones back, so that a client that waits a second gets on.
        """
        for times in (self.admitted, self.arrived):
            while times and now - times[0] >= WINDOW_S:
                times.popleft()
        self.total += 1
        self.arrived.append(now)
        self.most = max(self.most, len(self.arrived))
        if limit and len(self.admitted) >= limit:
            self.refused += 1
            return False
        self.admitted.append(now)
        return True
