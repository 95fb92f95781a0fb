"""A world without real time: processes that take turns, and a clock that jumps to whatever happens next.

A process is frozen by keeping what it would do, and killed by never letting it go on: no ``finally`` of its runs, as
after SIGKILL. ``time`` of our own code shows the clock of the process whose turn it is (``virtual_time``).
"""

from __future__ import annotations

import contextlib
import heapq
import time
from asyncio import events
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

EPOCH_S = 1_700_000_000  # the Unix time at which every world begins
_REAL = (time.time, time.monotonic, time.sleep, time.clock_gettime)


class Turn:
    """Something that a process, or the world itself, does at its time. Stands for asyncio's handles, too."""

    __slots__ = ("args", "callback", "context", "process", "when_s")

    def __init__(self, process: Process | None, when_s: float, callback: Any, args: Any, context: Any = None) -> None:
        self.process, self.when_s = process, when_s
        self.callback, self.args, self.context = callback, args, context

    def cancel(self) -> None:
        self.callback = None

    def cancelled(self) -> bool:
        return self.callback is None

    def when(self) -> float:
        """Return when it is due by its process' own clock."""
        assert self.process is not None
        return self.when_s - self.process.slept_s


class World:
    """Runs everything in one thread, in an order that depends on nothing but what was asked of it."""

    def __init__(self, seed: int = 0) -> None:
        self._thousands = seed << 32
        self.now_s = 0.0
        self.current: Process | None = None
        self.faults: list[str] = []  # of our own code: errors that nobody caught, logged tracebacks
        self.turns = 0
        self._ready: deque[Turn] = deque()
        self._later: list[tuple[float, int, Turn]] = []
        self._number = 0

    def next_thousands(self) -> int:
        """Return a number with many free ones behind it, different in every world."""
        self._thousands += 1 << 20
        return self._thousands

    def at(self, when_s: float, callback: Callable[..., object], *args: Any, process: Process | None = None) -> Turn:
        """Let something happen at a time of the world."""
        turn = Turn(process, when_s, callback, args)
        self.put(turn)
        return turn

    def after(self, delay_s: float, callback: Callable[..., object], *args: Any) -> Turn:
        return self.at(self.now_s + delay_s, callback, *args)

    def put(self, turn: Turn) -> None:
        """Let a turn come: now, behind all that is ready, or later."""
        if turn.when_s <= self.now_s:
            self._ready.append(turn)
        else:
            self._number += 1
            heapq.heappush(self._later, (turn.when_s, self._number, turn))

    def run(self, is_over: Callable[[], bool], most_s: float) -> bool:
        """Go on until ``is_over``, which is looked at whenever time passes; false when ``most_s`` comes first."""
        ready, later = self._ready, self._later
        while True:
            while ready:
                self._take(ready.popleft())
            if is_over():
                return True
            if not later or later[0][0] > most_s:
                return False
            when_s, _, turn = heapq.heappop(later)
            if turn.callback is not None:
                self.now_s = when_s
                self._take(turn)

    def shift(self, process: Process, by_s: float) -> None:
        """Let all that a process has planned come later."""
        moved = []
        for when_s, number, turn in self._later:
            if turn.process is process:
                turn.when_s = when_s + by_s
            moved.append((turn.when_s, number, turn))
        heapq.heapify(moved)
        self._later[:] = moved

    def _take(self, turn: Turn) -> None:
        process, callback = turn.process, turn.callback
        if callback is None:
            return
        self.turns += 1
        if process is None:
            self.current = None
            callback(*turn.args)
        elif process.is_frozen:
            process.held.append(turn)
        elif process.is_alive:
            self.current = process
            process.take(turn)


class Process:
    """A process with a clock of its own. ``skew_s``: how wrong its wall clock is."""

    def __init__(self, world: World, name: str, skew_s: float = 0.0) -> None:
        self.world, self.name, self.skew_s = world, name, skew_s
        self.is_alive, self.is_frozen = True, False
        self.slept_s = 0.0  # while its machine stood still, and its clock with it
        self.held: list[Turn] = []
        self._frozen_s = 0.0

    def __repr__(self) -> str:
        return self.name

    def clock_s(self) -> float:
        """Return its monotonic clock."""
        return self.world.now_s - self.slept_s

    def wall_s(self) -> float:
        return EPOCH_S + self.clock_s() + self.skew_s

    def take(self, turn: Turn) -> None:
        """Do one turn of ours."""
        turn.callback(*turn.args)

    def freeze(self) -> None:
        """Do nothing more until ``thaw``, as after SIGSTOP."""
        if self.is_alive and not self.is_frozen:
            self.is_frozen, self._frozen_s = True, self.world.now_s

    def thaw(self, clock_stood: bool) -> None:
        """Go on. With ``clock_stood`` the whole machine slept: what was planned is as far away as it was."""
        if not self.is_frozen:
            return
        self.is_frozen = False
        held, self.held = self.held, []
        if clock_stood:
            by_s = self.world.now_s - self._frozen_s
            self.slept_s += by_s
            self.world.shift(self, by_s)
            for turn in held:
                turn.when_s += by_s if turn.when_s > self._frozen_s else 0.0
        for turn in held:
            self.world.put(turn)

    def kill(self) -> None:
        """End at once; nothing of it runs any more."""
        self.is_alive = self.is_frozen = False
        self.held.clear()


@contextlib.contextmanager
def virtual_time(world: World) -> Iterator[None]:
    """Let the clocks and the sleep of ``time`` be those of the process whose turn it is."""

    def wall() -> float:
        return world.current.wall_s() if world.current else EPOCH_S + world.now_s

    def monotonic() -> float:
        return world.current.clock_s() if world.current else world.now_s

    def sleep(delay_s: float) -> None:
        world.current.sleep(delay_s)  # type: ignore[union-attr]

    def since_boot(clock: int) -> float:
        assert clock == time.CLOCK_BOOTTIME
        return 3600.0 + world.now_s  # which goes on while a machine sleeps

    time.time, time.monotonic, time.sleep, time.clock_gettime = wall, monotonic, sleep, since_boot
    try:
        yield
    finally:
        time.time, time.monotonic, time.sleep, time.clock_gettime = _REAL
        events._set_running_loop(None)
