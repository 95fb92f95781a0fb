"""How lanes share the workers: a ring of those with something to do, one conversation a turn."""

from __future__ import annotations

import asyncio
from typing import Generic, Protocol, TypeVar


class Turn(Protocol):
    """Who stands in the ring: says whether a worker would find something to do."""

    def has_work(self) -> bool: ...


T = TypeVar("T", bound=Turn)


class Ring(Generic[T]):
    """Lanes with work, each at most once, in turn. A lane that was given a worker stands last."""

    def __init__(self) -> None:
        self._turns: dict[T, None] = {}
        self._filled = asyncio.Event()

    def offer(self, lane: T) -> None:
        """Let a lane stand in the ring, when it has work and does not stand there already."""
        if lane not in self._turns and lane.has_work():
            self._turns[lane] = None
            self._filled.set()

    def next(self) -> T | None:
        """Return the lane whose turn it is, or ``None`` when none has work."""
        while self._turns:
            lane = next(iter(self._turns))
            del self._turns[lane]
            if lane.has_work():
                return lane
        self._filled.clear()
        return None

    async def wait(self) -> None:
        """Return when some lane may have work."""
        await self._filled.wait()
