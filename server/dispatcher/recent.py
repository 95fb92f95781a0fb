"""What each bot's lane did lately: its rate, its latency, its failures, in slots of time that pass. Bounded.

Shown numbers are rounded here, and a rate counts whole slots only, so that they change seldom.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

SLOT_S = 5
SLOTS = 60  # five minutes
RATE_SLOTS = 12  # one minute
AGE_MAX_MS = 10**8  # a day and more is as late as any later
_SETTLED, _FAILED = frozenset({"done", "unsolved", "ignored", "buried"}), frozenset({"retry", "buried"})


@dataclass(frozen=True, slots=True)
class Figures:
    """What is shown of a lane, as ``db.protocol.BotInfo`` means it."""

    rate: float = 0.0
    p95_ms: int | None = None
    errors: int = 0
    last_ms: int | None = None


@dataclass(slots=True)
class _Slot:
    """What happened within ``SLOT_S`` seconds. Ages have two digits, so a slot counts 730 different ones at most."""

    number: int
    settled: int = 0
    failed: int = 0
    ages: Counter[int] = field(default_factory=Counter)


class Recents:
    """The windows of all bots. ``clock`` is a steady one and ``wall`` Unix time, both in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time) -> None:
        self._clock, self._wall = clock, wall
        self._windows: dict[str, Recent] = {}

    def note(self, told: Mapping[str, Any]) -> None:
        """Take in one step of a message, as the subscribers are told of it."""
        step, now_s = told["step"], self._clock()
        window = self._windows.get(told["bot"])
        if window is None:
            window = self._windows[told["bot"]] = Recent(now_s)
        if step in _FAILED:
            window.failed(now_s)
        if step in _SETTLED:
            window.settled(now_s, int(self._wall() * 1000), told["age_ms"] if "worker" in told else None)

    def figures(self, bot: str) -> Figures:
        """Return what is to be shown of a bot now."""
        window = self._windows.get(bot)
        return window.figures(self._clock()) if window else Figures()

    def keep(self, bots: Collection[str]) -> None:
        """Forget all bots but these."""
        self._windows = {bot: window for bot, window in self._windows.items() if bot in bots}


class Recent:
    """A sliding window of five minutes. Times are of one steady clock, in seconds."""

    def __init__(self, now_s: float) -> None:
        self._first = _number(now_s)
        self._slots: deque[_Slot] = deque()
        self._ages: Counter[int] = Counter()  # of all slots
        self._last_ms: int | None = None

    def settled(self, now_s: float, at_ms: int, age_ms: int | None) -> None:
        """Count an event that was settled at the Unix time ``at_ms``; ``age_ms`` is None where it was never handled."""
        slot = self._slot(now_s)
        slot.settled += 1
        self._last_ms = at_ms
        if age_ms is not None:
            age = two_digits(min(max(age_ms, 0), AGE_MAX_MS))
            slot.ages[age] += 1
            self._ages[age] += 1

    def failed(self, now_s: float) -> None:
        """Count an attempt that failed."""
        self._slot(now_s).failed += 1

    def figures(self, now_s: float) -> Figures:
        """Return what is to be shown now."""
        self._slot(now_s)
        return Figures(self._rate(), _p95(self._ages), sum(slot.failed for slot in self._slots), self._last_ms)

    def _rate(self) -> float:
        """Return the events a second of the last whole slots; within the very first one, of that one."""
        now = self._slots[-1].number
        whole = min(RATE_SLOTS, now - self._first)
        if whole <= 0:
            return rounded_rate(self._slots[-1].settled / SLOT_S)
        settled = sum(slot.settled for slot in self._slots if now - whole <= slot.number < now)
        return rounded_rate(settled / (whole * SLOT_S))

    def _slot(self, now_s: float) -> _Slot:
        """Return the slot of this moment, and forget those that have left the window."""
        now = _number(now_s)
        if not self._slots or self._slots[-1].number < now:
            self._slots.append(_Slot(now))
        while self._slots[0].number <= self._slots[-1].number - SLOTS:
            self._ages -= self._slots.popleft().ages
        return self._slots[-1]


def two_digits(value: int) -> int:
    """Return a whole number with its first two digits, rounded down."""
    unit = int("1" + "0" * max(len(str(value)) - 2, 0))
    return value // unit * unit


def rounded_rate(rate: float) -> float:
    """Return a rate with one decimal below 10, as a whole number above."""
    return round(rate, 1) if rate < 9.95 else float(round(rate))


def _number(now_s: float) -> int:
    return int(now_s // SLOT_S)


def _p95(ages: Counter[int]) -> int | None:
    """Return the age that 95 of 100 do not exceed."""
    left = ages.total() // 20  # those that may be older
    for age in sorted(ages, reverse=True):
        left -= ages[age]
        if left < 0:
            return age
    return None
