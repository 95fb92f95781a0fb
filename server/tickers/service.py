"""The tickers as the platform has them: their workers, a second small pool, and the scheduler that gives them ticks."""

from __future__ import annotations

from typing import Any

from db.errors import Refused
from db.links import async_redis_client
from db.protocol import TickerInfo
from db.settings import Settings
from db.texts import _
from server.dispatcher.pool import Pool
from server.tickers.duties import Lanes
from server.tickers.scheduler import Scheduler
from server.tickers.ticking import Board, KeepCode


class Tickers:
    """``start`` when the storage is up and the lanes are open, ``stop`` before they close."""

    def __init__(self, settings: Settings, pool: Pool, board: Board, keep_code: KeepCode) -> None:
        self._settings = settings
        self._board = board
        self._pool = pool
        self._keep_code = keep_code
        self._scheduler: Scheduler | None = None

    @property
    def pids(self) -> list[int]:
        """The ticker workers that live now."""
        return self._pool.pids

    def start(self, lanes: Lanes, host_id: str) -> None:
        """Begin. Returns at once."""
        self._pool.start()
        client = async_redis_client(self._settings)
        whose = self._pool, lanes, host_id, self._board
        self._scheduler = Scheduler(self._settings, client, *whose, keep_code=self._keep_code)
        self._scheduler.start()

    async def stop(self) -> None:
        """End all ticks at once, and their workers."""
        if self._scheduler is not None:
            await self._scheduler.stop()
        await self._pool.stop()

    async def run(self, name: str, bot: str) -> list[TickerInfo]:
        """Let a ticker tick now; see ``Scheduler.run``."""
        return await self._begun().run(name, bot)

    async def pause(self, name: str, bot: str, is_paused: bool) -> list[TickerInfo]:
        """Pause a ticker or let it go on; see ``Scheduler.pause``."""
        return await self._begun().pause(name, bot, is_paused)

    def heard(self, topic: str, told: dict[str, Any]) -> None:
        """Take a hint from what happens to messages."""
        if self._scheduler is not None:
            self._scheduler.heard(topic, told)

    def _begun(self) -> Scheduler:
        if self._scheduler is None:
            raise Refused(_("the platform is still starting; try again in a moment"))
        return self._scheduler
