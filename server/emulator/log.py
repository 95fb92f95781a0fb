"""A numbered, bounded log that readers follow: ask for what came after a number, wait for more."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

ENTRIES_MAX = 100_000  # about 1 KiB each


class Log:
    """Keeps the last ``most`` entries, numbered from 1 by ``n``; older ones are forgotten and counted."""

    def __init__(self, most: int = ENTRIES_MAX) -> None:
        self.last = 0
        self._entries: deque[dict[str, Any]] = deque(maxlen=most)
        self._waiting: set[asyncio.Future[None]] = set()

    def add(self, entry: dict[str, Any]) -> dict[str, Any]:
        self.last += 1
        entry["n"] = self.last
        self._entries.append(entry)
        for future in self._waiting:
            if not future.done():
                future.set_result(None)
        self._waiting.clear()
        return entry

    def after(self, number: int, limit: int) -> list[dict[str, Any]]:
        """Return up to ``limit`` entries whose number is above ``number``, oldest first."""
        first = self.last - len(self._entries)  # the number before the oldest kept entry
        start = max(0, number - first)
        stop = min(len(self._entries), start + limit)
        return [self._entries[index] for index in range(start, stop)]

    async def wait_after(self, number: int, timeout_s: float) -> None:
        """Return when something above ``number`` is there, or after ``timeout_s``."""
        if self.last > number or timeout_s <= 0:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        try:
            await asyncio.wait_for(future, timeout_s)
        except TimeoutError:
            return
        finally:
            self._waiting.discard(future)
