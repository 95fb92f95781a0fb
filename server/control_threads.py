"""The threads in which commands run, apart by what they need: what hangs holds up its like, and never ``stop``."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

from engine.commands.declare import Declaration, Needs
from engine.commands.registry import registry

COMMANDS_AT_ONCE = 8  # that need the storage, and as many that need the platform alone; more of them wait

_STOP = "stop"


class CommandThreads:
    """Three pools. Threads are begun at first need."""

    def __init__(self) -> None:
        self._storage = ThreadPoolExecutor(COMMANDS_AT_ONCE, thread_name_prefix="command-storage")
        self._platform = ThreadPoolExecutor(COMMANDS_AT_ONCE, thread_name_prefix="command-platform")
        self._stop = ThreadPoolExecutor(1, thread_name_prefix="command-stop")  # a restart may wait for a minute

    def of(self, params: Mapping[str, Any]) -> Executor:
        """Return where the command that a request names is to run. What is no command needs no storage."""
        declaration = _named(params)
        if declaration is not None and declaration.name == _STOP:
            return self._stop
        return self._platform if declaration is None or declaration.needs is Needs.PLATFORM else self._storage

    def close(self) -> None:
        """Begin nothing more. What runs goes on, and nobody hears of it."""
        for pool in (self._storage, self._platform, self._stop):
            pool.shutdown(wait=False, cancel_futures=True)


def _named(params: Mapping[str, Any]) -> Declaration | None:
    line, name = params.get("line"), params.get("name")
    if isinstance(line, str):
        found = registry().lookup(line)
        return found.declaration if found is not None else None
    return registry().get(name) if isinstance(name, str) else None
