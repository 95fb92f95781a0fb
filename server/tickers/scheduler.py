"""Lets tickers tick: those of this host's bots, its own, and all hosts' while it leads. Decides when, does nothing.

A tick is done by a ticker worker, one at a time, and killed at its deadline. What it found is shown at once and then
written to Redis under the lease that made it ours, so that the next who has the duty goes on in its rhythm.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import redis.asyncio

from db import tickers as stored
from db.errors import NotFound, Refused
from db.protocol import TickerInfo
from db.settings import Settings
from db.texts import _
from server.dispatcher.batching import BatchedRedis
from server.dispatcher.pool import Pool
from server.tickers import bot_health
from server.tickers.catalogue import ALL
from server.tickers.declare import Scope, Ticker
from server.tickers.duties import Duties, Lanes
from server.tickers.duty import Duty
from server.tickers.leader import Leader
from server.tickers.schedule import chosen, first_due_ms
from server.tickers.ticking import READ_S, SILENT, Board, KeepCode, Ticking, keep_no_code

LOOK_S = 0.5  # between two looks at which bots there are, and which of them are ours
ELSEWHERE_S = 10.0  # between two looks at how other hosts' tickers are
SOON_S = 3.0  # at least, between two ticks of one ticker that is to be soon again and again
RUN_S = 45.0  # that a command waits for the ticks it began

log = logging.getLogger(__name__)


def unix_ms() -> int:
    return int(time.time() * 1000)


class Scheduler:
    """``start`` once, ``stop`` once. Waits for nobody: neither Redis nor a worker holds the loop up."""

    def __init__(
        self,
        settings: Settings,
        client: redis.asyncio.Redis,
        pool: Pool,
        lanes: Lanes,
        host_id: str,
        board: Board,
        tickers: Sequence[Ticker] = ALL,
        clock: Callable[[], int] = unix_ms,
        dice: random.Random | None = None,
        keep_code: KeepCode = keep_no_code,
    ) -> None:
        """``client`` is closed at the end. ``keep_code`` stores a bot's confirmation code."""
        self._workers = settings.tickers.workers
        self._client = client
        self._redis = BatchedRedis(client)
        self._board = board
        self._clock = clock
        self._has_leader = any(ticker.scope is Scope.LEADER for ticker in tickers)
        self._leader = Leader(self._redis, host_id, settings.lanes.lease_s)
        self._duties = Duties(settings.tickers, tickers, host_id, lanes, self._leader.lease)
        self._ticking = Ticking(settings, self._redis, pool, board, clock, dice or random.Random(), keep_code)
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._reading: asyncio.Task[None] | None = None
        self._shown_bots: set[str] = set()

    def start(self) -> None:
        """Begin. Returns at once."""
        works = [self._live, self._follow_others] + ([self._leader.live] if self._has_leader else [])
        self._tasks = [asyncio.get_running_loop().create_task(work()) for work in works]

    async def stop(self) -> None:
        """End the ticks that run, at once, and give the leader's lease back."""
        ticks = [duty.task for duty in self._duties if duty.task is not None]
        tasks = [*self._tasks, *ticks, *([self._reading] if self._reading else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._has_leader:
            await self._leader.leave()
        await self._client.aclose()

    # What others ask.

    async def run(self, name: str, bot: str) -> list[TickerInfo]:
        """Let a ticker tick now, paused or not, and return how it is after that; ``bot`` empty: that of each bot.

        Raises ``NotFound``, and ``Refused`` when another host has it.
        """
        duties = [duty for duty in self._asked(name, bot) if duty.is_ours]
        if not duties:
            raise Refused(_("ticker {name} runs at another host now; run it there").format(name=name))
        with suppress(TimeoutError):
            async with asyncio.timeout(RUN_S):
                await asyncio.gather(*map(self._force, duties))
        return [duty.info() for duty in duties]

    async def _force(self, duty: Duty) -> None:
        """Have a tick that begins from now on, and wait for its end."""
        if duty.task is not None:
            await asyncio.wait({duty.task})
        duty.ended.clear()
        duty.is_forced = True
        self._wake.set()
        await duty.ended.wait()

    async def pause(self, name: str, bot: str, is_paused: bool) -> list[TickerInfo]:
        """Pause a ticker, or let it go on, wherever it runs; return how it is. ``bot`` empty: that of each bot.

        Ticks that were missed meanwhile are made up for by one. Raises ``NotFound``, ``StorageUnavailable``.
        """
        duties = self._asked(name, bot)
        for duty in duties:
            await self._redis.run(stored.write_pause(duty.place, is_paused))
            duty.state = replace(duty.state, is_paused=is_paused)
            if is_paused:
                self._ticking.darken(duty)
            elif duty.due_ms is not None:
                lit = bool(duty.ticker.lamps)  # lamps say that it is paused until it has ticked
                duty.due_ms = self._clock() if lit else first_due_ms(duty.state, duty.period_s, self._clock())
            self._board.set_ticker(duty.info())
        self._wake.set()
        return [duty.info() for duty in duties]

    def heard(self, topic: str, told: dict[str, Any]) -> None:
        """Take a hint from what happens to messages: a bot whose token VK refuses is looked at soon."""
        if topic == "event" and bot_health.is_hint(str(told.get("step")), str(told.get("reason"))):
            self.look_soon(bot_health.TICKER.name, str(told.get("bot")))

    def look_soon(self, name: str, bot: str) -> None:
        """Let a ticker tick soon, since something happened that it should see; a flood of such calls is one."""
        duty = self._duties.get(name, bot)
        if duty is not None and duty.task is not None:
            duty.is_hinted = True  # what it looks at now may be from before
        elif duty is not None and duty.due_ms is not None:
            now_ms, soon_ms = self._clock(), int(SOON_S * 1000)
            earliest_ms = min((duty.state.last_ms or 0) + soon_ms, now_ms + soon_ms)  # the last one may lie ahead
            duty.due_ms = min(duty.due_ms, max(now_ms, earliest_ms))
            self._wake.set()

    def _asked(self, name: str, bot: str) -> list[Duty]:
        found = self._duties.named(name)
        if not found:
            known = ", ".join(sorted({duty.ticker.name for duty in self._duties}))
            raise NotFound(_("there is no ticker {name}; there are: {known}").format(name=name, known=known))
        mine = [duty for duty in found if bot in ("", duty.bot_name)]
        if not mine:
            raise NotFound(_("bot {bot} has no ticker {name}").format(bot=bot, name=name))
        return mine

    # When.

    async def _live(self) -> None:
        """Look, begin, sleep until there is something to begin. The net: a fault is logged, and it goes on."""
        while True:
            self._wake.clear()
            try:
                self._look()
            except Exception:
                log.exception("the tickers stumbled")
            with suppress(TimeoutError):
                async with asyncio.timeout(self._pause_s()):
                    await self._wake.wait()

    def _look(self) -> None:
        """Follow bots and leases, and begin what is due."""
        now_ms = self._clock()
        if self._duties.refresh(now_ms):
            self._show_all()
        unread = [duty for duty in self._duties if duty.is_ours and duty.due_ms is None]
        if unread and self._reading is None:
            self._reading = asyncio.get_running_loop().create_task(self._begin_unread(unread))
        ticking = [duty for duty in self._duties if duty.task is not None]
        due = [duty for duty in self._duties if duty.is_due(now_ms)]
        for duty in chosen(due, ticking, self._workers):
            duty.task = asyncio.get_running_loop().create_task(self._tick(duty))

    async def _tick(self, duty: Duty) -> None:
        try:
            await self._ticking.tick(duty)
        finally:
            if duty.is_hinted:
                duty.is_hinted = False
                self.look_soon(duty.ticker.name, duty.bot_name)
            self._wake.set()

    def _pause_s(self) -> float:
        """Return how long to sleep: until the next tick or look, whichever is sooner."""
        plans = [duty.due_ms for duty in self._duties if duty.due_ms is not None and duty.is_ours and not duty.task]
        left_s = (min(plans, default=0) - self._clock()) / 1000
        return min(left_s, LOOK_S) if left_s > 0 else LOOK_S

    def _show_all(self) -> None:
        duties = list(self._duties)
        self._board.set_tickers([duty.info() for duty in duties])
        for duty in duties:
            if duty.state.is_paused:
                self._ticking.darken(duty)
        healths = {duty.bot_name: duty.health() for duty in duties if duty.ticker.tells_health}
        for bot in self._shown_bots - healths.keys():
            self._board.set_bot_health(bot, None)
        for bot, health in healths.items():
            self._board.set_bot_health(bot, health)
        self._shown_bots = set(healths)

    # What is known.

    async def _begin_unread(self, duties: Sequence[Duty]) -> None:
        """Read the states of duties that are new to us and plan them; this host's own without Redis if need be."""
        try:
            await self._read(duties)
        except SILENT as error:
            log.debug("states of tickers not read error=%s", error)
            duties = [duty for duty in duties if duty.ticker.scope is Scope.HOST]
        except Exception:
            log.exception("states of tickers not read")
            duties = []
        finally:
            self._reading = None
        for duty in duties:
            if duty.due_ms is None:
                is_other = self._ticking.about(duty) != duty.state.about  # another address: VK is to be told now
                now_ms = self._clock()
                duty.due_ms = now_ms if is_other else first_due_ms(duty.state, duty.period_s, now_ms)
        if duties:
            self._show_all()
            self._wake.set()

    async def _follow_others(self) -> None:
        """Look now and then at how the tickers of other hosts are."""
        while True:
            await asyncio.sleep(ELSEWHERE_S)
            others = [duty for duty in self._duties if not duty.is_ours]
            with suppress(*SILENT):
                await self._read(others)
            if others:
                self._show_all()

    async def _read(self, duties: Sequence[Duty]) -> None:
        for at in range(0, len(duties), stored.PLACES_MAX):
            some = duties[at : at + stored.PLACES_MAX]
            async with asyncio.timeout(READ_S):
                answer = await self._redis.run(stored.read([duty.place for duty in some]))
            for duty, state in zip(some, stored.states(answer), strict=True):
                duty.state = state
