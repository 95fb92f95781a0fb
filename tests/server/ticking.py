"""A scheduler over a real Redis with scripted workers, lanes and a clock that the test holds, and what it showed."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from db import keys
from db.bot_config import BotConfig
from db.bots import Bot
from db.links import async_redis_client
from db.protocol import Health, TickerInfo
from db.secret import Secret
from db.settings import Settings
from server.board import Board
from server.dispatcher.pool import Pool
from server.dispatcher.sources import CommandSource
from server.tickers.declare import Scope, Ticker
from server.tickers.scheduler import Scheduler, unix_ms
from tests.server.lanes import make_bot
from tests.services import RedisService

WORKER = Path(__file__).with_name("tick_worker.py")
HOST = "host-1"

OF_BOT = Ticker("look", Scope.BOT, lambda _: 100.0, lambda _: 1.0, recheck_s=10.0, tells_health=True)
OF_HOST = Ticker("watch", Scope.HOST, lambda _: 5.0, lambda _: 0.5, lamps=("disk",))
OF_LEADER = Ticker("lead", Scope.LEADER, lambda _: 50.0, lambda _: 1.0)


class Lanes:
    """Bots with leases that are written into Redis as the dispatcher's are."""

    def __init__(self, service: RedisService) -> None:
        self._client = service.client()
        self.known: dict[str, tuple[Bot, BotConfig]] = {}
        self.ours: dict[str, str] = {}

    def add(self, number: int = 0, *, ours: bool = True) -> str:
        bot, config = make_bot(number)
        self.known[bot.name] = (bot, config)
        if ours:
            self.take(bot.name)
        return bot.name

    def take(self, name: str, value: str = "host-1:a") -> None:
        self._client.set(keys.lease(name), value)
        self.ours[name] = value

    def change(self, name: str, token: str) -> None:
        bot, config = self.known[name]
        self.known[name] = bot, replace(config, token=Secret(token), version=config.version + 1)

    def disable(self, name: str) -> None:
        bot, config = self.known[name]
        self.known[name] = replace(bot, enabled=False), config

    def bots(self) -> dict[str, tuple[Bot, BotConfig]]:
        return self.known

    def lease(self, bot: str) -> str | None:
        return self.ours.get(bot)


class Clock:
    """The time in milliseconds; stands until a test moves it."""

    def __init__(self) -> None:
        self.now_ms = unix_ms()

    def __call__(self) -> int:
        return self.now_ms


@dataclass
class Desk:
    """A running scheduler; ``told`` are the events, in their order."""

    scheduler: Scheduler
    pool: Pool
    board: Board
    lanes: Lanes
    clock: Clock
    home: Path
    told: list[TickerInfo] = field(default_factory=list)

    def order(self, word: str) -> None:
        """Let ticks end like this from now on."""
        (self.home / "word").write_text(word)

    def ticks(self, ticker: str = "") -> list[str]:
        """Return a line for each tick that a worker began: ticker, bot, token."""
        log = self.home / "ticks"
        lines = log.read_text().splitlines() if log.exists() else []
        return [line for line in lines if line.startswith(ticker)]

    def info(self, ticker: str, bot: str = "") -> TickerInfo:
        return next(info for info in self.board.tickers() if (info.name, info.bot) == (ticker, bot))

    def shown(self, ticker: str, bot: str = "") -> TickerInfo | None:
        return next((info for info in self.board.tickers() if (info.name, info.bot) == (ticker, bot)), None)

    def lamp(self) -> Health | None:
        return self.board.lamps([]).get("disk")

    def advance(self, seconds: float) -> None:
        """Move the clock; the scheduler looks again within half a second."""
        self.clock.now_ms += int(seconds * 1000)
        self.scheduler._wake.set()


@asynccontextmanager
async def ticking(
    settings: Settings, lanes: Lanes, tickers: Iterable[Ticker], clock: Clock | None = None, host_id: str = HOST
) -> AsyncIterator[Desk]:
    """Run a scheduler within the block."""
    home = settings.home
    told: list[TickerInfo] = []

    def publish(topic: str, data: dict[str, object]) -> None:
        assert topic == "ticker"
        told.append(TickerInfo(**data))  # type: ignore[arg-type]

    board = Board(publish)
    source = CommandSource(
        [sys.executable, "-I", "-S", str(WORKER), str(home / "ticks"), str(home / "word")], {"PATH": os.defpath}
    )
    pool = Pool(source, settings.tickers.workers, 1000)
    held = clock or Clock()
    scheduler = Scheduler(
        settings, async_redis_client(settings), pool, lanes, host_id, board, tuple(tickers), held, random.Random(3)
    )
    desk = Desk(scheduler, pool, board, lanes, held, home, told)
    if not (home / "word").exists():
        desk.order("ok")
    pool.start()
    scheduler.start()
    try:
        yield desk
    finally:
        await scheduler.stop()
        await pool.stop()
