"""One ticker that this host knows of: its state in Redis as last seen, and what becomes of it here."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from db import keys
from db.bot_config import BotConfig
from db.bots import Bot
from db.protocol import Health, TickerInfo
from db.protocol import TickerState as ShownState
from db.tickers import Place, TickerState
from server.tickers.declare import Scope, Ticker


@dataclass(slots=True, eq=False)
class Duty:
    """``due_ms`` is None until its state was read. ``lease`` is (key, value) while it is ours to do."""

    ticker: Ticker
    place: Place
    period_s: float
    bot: Bot | None = None
    config: BotConfig | None = None
    state: TickerState = field(default_factory=TickerState)
    due_ms: int | None = None
    lease: tuple[str, str] | None = None
    is_forced: bool = False  # somebody wants one tick, paused or not
    wrong: int = 0  # ticks in a row that found something wrong, since it or its bot changed
    is_hinted: bool = False  # something happened during a tick that the next one should see soon
    is_ticking: bool = False  # a worker has it
    task: asyncio.Task[None] | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)  # set at the end of each tick

    @property
    def is_ours(self) -> bool:
        return self.ticker.scope is Scope.HOST or self.lease is not None

    @property
    def bot_name(self) -> str:
        return self.bot.name if self.bot else ""

    def is_due(self, now_ms: int) -> bool:
        """Say whether it is to begin now."""
        is_time = self.due_ms is not None and (self.is_forced or self.due_ms <= now_ms)
        return is_time and self.is_ours and self.task is None

    def info(self) -> TickerInfo:
        """Return it as the operator sees it."""
        state = self.state
        shown = self._shown_state()
        waits = shown in ("waiting", "elsewhere")
        planned_ms = self.due_ms if self.is_ours else state.next_ms
        return TickerInfo(
            name=self.ticker.name,
            bot=self.bot_name,
            period_s=self.period_s,
            state=shown,
            last_ms=state.last_ms,
            next_ms=planned_ms if waits else None,
            took_ms=state.took_ms,
            result=state.result,
            text=state.text,
            failures=state.failures,
        )

    def health(self) -> Health | None:
        """Return what the last tick found, or None when there was none. One that failed is a warning itself."""
        state = self.state
        if state.result is None or state.last_ms is None:
            return None
        return Health("warn" if state.result == "failed" else state.result, state.text, state.ms, state.last_ms)

    def _shown_state(self) -> ShownState:
        if self.is_ticking:
            return "running"
        if self.state.is_paused:
            return "paused"
        return "waiting" if self.is_ours else "elsewhere"


def place_of(ticker: Ticker, bot: Bot | None, host_id: str) -> Place:
    """Return where a ticker's state lies."""
    if bot is not None:
        return Place(keys.ticker(ticker.name), bot.db)
    return Place(keys.ticker(ticker.name, host_id if ticker.scope is Scope.HOST else ""), keys.PLATFORM_DB)
