"""Starts, watches, restarts and stops the platform's children: one keeper each, in the order in which they were added.

Lives in the loop of the main thread, since a child dies with the thread that started it.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Callable, Sequence
from itertools import groupby

from db.protocol import ProcessInfo
from db.settings import Settings
from server.childspec import ChildSpec
from server.keeper import Keeper, Surroundings
from server.logs import open_log
from server.process import Child
from server.restarts import RestartRules

__all__ = ["ChildSpec", "Supervisor"]

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")  # reaches the path of its log


def _ignore(*_event: object) -> None:
    """Nobody listens."""


class Supervisor:
    """All children of one platform. Listeners are called in the loop, must be quick, and must not raise."""

    def __init__(
        self,
        settings: Settings,
        on_change: Callable[[ProcessInfo], None] = _ignore,
        on_line: Callable[[str, str], None] = _ignore,
        *,
        on_started: Callable[[str, Child], None] = _ignore,
        rules: RestartRules | None = None,
        dice: random.Random | None = None,
    ) -> None:
        """``on_change`` gets each new state of a child, ``on_line`` its name and each line it says, ``on_started``
        its name and each new process, whose ``control`` socket is the listener's to keep and to close."""
        self._settings = settings
        self._on_line = on_line
        self._around = Surroundings(rules or RestartRules(), dice or random.Random(), on_change, on_started)
        self._keepers: dict[str, Keeper] = {}
        self._is_closing = False

    async def add(self, spec: ChildSpec) -> None:
        """Start a new child and keep it running. Does not wait until it is ready.

        Nothing happens once all are being stopped.
        """
        assert _NAME.fullmatch(spec.name) and spec.name not in self._keepers, spec.name
        if self._is_closing:
            return
        keeper = Keeper(spec, open_log(self._settings, spec.name, self._on_line), self._around)
        self._keepers[spec.name] = keeper
        keeper.start()

    async def wait_ready(self, name: str, timeout_s: float) -> None:
        """Return when the child is ready. Raises ``ChildNotReady`` when it is given up, stopped, or too slow."""
        await self._keepers[name].wait_ready(timeout_s)

    async def restart(self, name: str) -> None:
        """Stop the child if it runs and start it with a clean record. Raises ``KeyError`` for an unknown name."""
        keeper = self._keepers[name]
        await keeper.stop()
        if not self._is_closing:
            keeper.start()

    async def stop(self, name: str) -> None:
        """Stop the child; it stays known and may be restarted. Raises ``KeyError`` for an unknown name."""
        await self._keepers[name].stop()

    async def stop_all(self) -> None:
        """Stop all for good, the last added first; neighbours of one kind together."""
        self._is_closing = True
        for _kind, keepers in groupby(reversed(self._keepers.values()), key=lambda keeper: keeper.spec.kind):
            await asyncio.gather(*(keeper.stop() for keeper in keepers))

    def processes(self) -> list[ProcessInfo]:
        """Return all children in the order in which they were added."""
        return [keeper.info() for keeper in self._keepers.values()]

    def tail(self, name: str) -> Sequence[str]:
        """Return the last 20 lines that the child said."""
        return self._keepers[name].tail()
