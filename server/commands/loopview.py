"""The running platform as commands see it from their threads: each call is made in the platform's loop."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any

from db.errors import SaloError, StorageUnavailable
from db.protocol import PlatformSnapshot, TickerInfo
from db.texts import _
from engine.commands.errors import CommandError, PlatformDown
from server.commands.context import PlatformView

CALL_S = 60.0  # a restart waits for the process to stop
STORAGE_S = 10.0  # for the storage of a platform that starts; then it is for the caller to try again


class LoopView:
    """A ``PlatformView`` for other threads than the loop's own, where a call would wait for itself."""

    def __init__(self, view: PlatformView, loop: asyncio.AbstractEventLoop) -> None:
        self._view = view
        self._loop = loop

    def snapshot(self) -> PlatformSnapshot:
        found: PlatformSnapshot = self._call(self._view.snapshot)
        return found

    def measure(self) -> None:
        self._call(self._view.measure)

    def wait_storage(self) -> None:
        """Return when the storage is up. Raises ``StorageUnavailable`` before it holds a thread for too long."""
        late = StorageUnavailable(_("the platform is still starting; try again in a moment"))
        self._call(self._view.wait_storage, STORAGE_S, late)

    def request_stop(self, by: str) -> None:
        self._call(lambda: self._view.request_stop(by))

    def restart(self, name: str) -> None:
        self._call(lambda: self._view.restart(name))

    def run_ticker(self, name: str, bot: str) -> list[TickerInfo]:
        found: list[TickerInfo] = self._call(lambda: self._view.run_ticker(name, bot))
        return found

    def pause_ticker(self, name: str, bot: str, is_paused: bool) -> list[TickerInfo]:
        found: list[TickerInfo] = self._call(lambda: self._view.pause_ticker(name, bot, is_paused))
        return found

    def _call(self, work: Callable[[], Any], limit_s: float = CALL_S, late: SaloError | None = None) -> Any:
        async def run() -> Any:
            found = work()
            return await found if inspect.isawaitable(found) else found

        future = asyncio.run_coroutine_threadsafe(run(), self._loop)
        try:
            return future.result(limit_s)
        except FutureTimeout:
            future.cancel()
            text = _("the platform did not answer within {count} s").format(count=round(limit_s))
            raise late or CommandError(text) from None
        except CancelledError:  # its loop has ended
            raise PlatformDown(_("the platform is stopping")) from None
