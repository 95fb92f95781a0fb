"""What a callback server did: counters for ``/health`` and one line a minute, and warnings at a bounded rate."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable

NAMES_MAX = 64  # different counters; more fall together into ``other``


class Counters:
    """Counts by name, since the start and since the last summary."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._total: Counter[str] = Counter()
        self._summed: Counter[str] = Counter()

    def add(self, name: str, count: int = 1) -> None:
        with self._lock:
            known = name in self._total or len(self._total) < NAMES_MAX
            self._total[name if known else "other"] += count

    def total(self) -> dict[str, int]:
        with self._lock:
            return dict(sorted(self._total.items()))

    def since_last(self) -> str:
        """Return what was counted since the last call as ``name=n …``; empty when nothing was."""
        with self._lock:
            new = self._total - self._summed
            self._summed = self._total.copy()
        return " ".join(f"{name}={count}" for name, count in sorted(new.items()))


class BoundedLog:
    """Lets one line a kind through in a period, with how many were left out before it."""

    def __init__(
        self, log: logging.Logger, period_s: float = 10.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._log, self._period_s, self._clock = log, period_s, clock
        self._lock = threading.Lock()
        self._next: dict[str, float] = {}
        self._left_out: Counter[str] = Counter()

    def warning(self, kind: str, text: str, *facts: object) -> None:
        """Log ``text``; ``kind`` comes from a fixed list of ours, never from a sender."""
        now = self._clock()
        with self._lock:
            if now < self._next.get(kind, 0.0):
                self._left_out[kind] += 1
                return
            self._next[kind] = now + self._period_s
            left_out = self._left_out.pop(kind, 0)
        self._log.warning(text + " left_out=%d", *facts, left_out)
