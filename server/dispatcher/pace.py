"""How long ago VK had a request, as surely as an answer tells: VK needs a while for each, and that is learned.

A call is seen at its two ends, sent and answered. Whatever made it slower than the fastest one of late may have
delayed it before VK counted it: a stopped worker, a slow journey, a busy VK. What even the fastest one took has not.
So a window begins ``least`` before the answer, and a call that nobody knows begins it with the answer itself.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

KNOWN = 8  # calls of a method before it is believed to need any time
REMEMBERED = 256  # calls of a method
LEAST_MOST_MS = 500.0
METHODS_MAX = 64

Call = tuple[str, float, float]  # method ("" = no answer), sent and answered so many ms ago


class Pace:
    """What one host saw of VK's answers, of all bots: the journey is the same for all."""

    def __init__(self) -> None:
        self._took_ms: dict[str, deque[float]] = {}

    def arrived_ms(self, calls: Iterable[Call]) -> list[float]:
        """Return how long ago VK certainly had each of the calls, and learn from them."""
        return [answered_ms + self._least_ms(method, sent_ms - answered_ms) for method, sent_ms, answered_ms in calls]

    def _least_ms(self, method: str, took_ms: float) -> float:
        """Return what VK needs at least for this method; never more than this call took."""
        if not method or (method not in self._took_ms and len(self._took_ms) >= METHODS_MAX):
            return 0.0
        took = self._took_ms.setdefault(method, deque(maxlen=REMEMBERED))
        took.append(max(took_ms, 0.0))
        return min(min(took), LEAST_MOST_MS) if len(took) >= KNOWN else 0.0
