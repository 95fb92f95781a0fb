"""Does one tick of one duty: a worker gets it, what it found is shown, logged when it changed, and kept in Redis."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from typing import Any, Protocol

from redis.exceptions import RedisError

from db import tickers as stored
from db.bots import Bot
from db.errors import SaloError, StorageUnavailable
from db.protocol import Health, TickerInfo
from db.settings import Settings
from db.texts import _, use_language
from db.tickers import TickerState
from server.dispatcher.batching import BatchedRedis
from server.dispatcher.pool import OnAsk, Pool
from server.tickers.declare import Scope
from server.tickers.duty import Duty
from server.tickers.schedule import next_due_ms
from server.tickers.ticks import Outcome, failed, refuse_ask, run_tick, tick_job

READ_S, WRITE_S = 1.0, 2.0  # for Redis; a tick does not wait longer for it

SILENT = (StorageUnavailable, RedisError, OSError, TimeoutError)  # Redis gives no answer, or not now

log = logging.getLogger(__name__)


KeepCode = Callable[[Bot, str], Awaitable[None]]


async def keep_no_code(bot: Bot, code: str) -> None:
    raise SaloError("nobody here stores confirmation codes")


class Board(Protocol):
    """Where it is shown what was found. Called in the loop."""

    def set_ticker(self, info: TickerInfo) -> None: ...

    def set_tickers(self, infos: Iterable[TickerInfo]) -> None: ...

    def set_lamp(self, name: str, health: Health) -> None: ...

    def set_bot_health(self, bot: str, health: Health | None) -> None: ...


class Ticking:
    """The way of a tick. Ends within the deadline and a few seconds, whatever workers and Redis do."""

    def __init__(
        self,
        settings: Settings,
        redis: BatchedRedis,
        pool: Pool,
        board: Board,
        clock: Callable[[], int],
        dice: random.Random,
        keep_code: KeepCode = keep_no_code,
    ) -> None:
        self._settings = settings
        self._redis = redis
        self._pool = pool
        self._board = board
        self._clock = clock
        self._dice = dice
        self._keep_code = keep_code

    async def tick(self, duty: Duty) -> None:
        """Do one tick, or pass it over, and plan the next one; who cancels it has planned already."""
        due_ms, is_forced, duty.is_forced = duty.due_ms or self._clock(), duty.is_forced, False
        lease = duty.lease or ("", "")
        try:
            with use_language(self._settings.platform.language):
                if is_forced or not await self._is_paused(duty):
                    outcome = await self._run(duty)
                    wait_s = _wait_s(duty, outcome)
                    self._conclude(duty, outcome, next_due_ms(due_ms, wait_s, self._clock(), self._dice))
                    await self._write(duty, lease)
                else:
                    duty.due_ms = next_due_ms(due_ms, duty.period_s, self._clock(), self._dice)
        except Exception:
            log.exception("tick failed ticker=%s bot=%s", duty.ticker.name, duty.bot_name)
            duty.due_ms = next_due_ms(due_ms, duty.period_s, self._clock(), self._dice)
        finally:
            duty.is_ticking, duty.task = False, None
            duty.ended.set()

    def about(self, duty: Duty) -> str:
        """Return the address that VK is to post this duty's bot's events to, as far as the bots share it."""
        return self._settings.callback.public_url if duty.ticker.tells_health else ""

    def _on_ask(self, bot: Bot | None) -> OnAsk:
        """Return who stores the confirmation code that a tick got from VK; a tick asks for nothing else."""

        async def answer(ask: dict[str, Any]) -> dict[str, Any]:
            code = ask.get("confirmation")
            if bot is None or not isinstance(code, str):
                return await refuse_ask(ask)
            try:
                await self._keep_code(bot, code)
            except (SaloError, RedisError, OSError) as error:
                log.warning("confirmation code not stored bot=%s error=%s", bot.name, error)
                return {"id": ask.get("id"), "is_kept": False}
            return {"id": ask.get("id"), "is_kept": True}

        return answer

    async def _is_paused(self, duty: Duty) -> bool:
        """Ask Redis, since another host's operator may have paused it; when Redis is silent, what was known holds."""
        if duty.ticker.scope is not Scope.HOST:
            with suppress(*SILENT):
                async with asyncio.timeout(READ_S):
                    (state,) = stored.states(await self._redis.run(stored.read([duty.place])))
                if state.is_paused != duty.state.is_paused:
                    duty.state = replace(duty.state, is_paused=state.is_paused)
                    self._board.set_ticker(duty.info())
        return duty.state.is_paused

    async def _run(self, duty: Duty) -> Outcome:
        deadline_s = duty.ticker.deadline_s(self._settings.tickers)
        try:
            async with asyncio.timeout(deadline_s):
                worker = await self._pool.acquire()
        except TimeoutError:
            return failed(_("no process was free for it"), "no ticker worker was free")
        started_ms, started_s = self._clock(), time.monotonic()
        try:
            duty.is_ticking = True
            duty.state = replace(duty.state, last_ms=started_ms)
            self._board.set_ticker(duty.info())
            job = tick_job(duty, _entry(duty), deadline_s, sets_up=bool(self.about(duty)))
            outcome = await run_tick(worker, job, deadline_s, started_ms, self._on_ask(duty.bot))
        finally:
            worker.release()
        duty.state = replace(duty.state, took_ms=round((time.monotonic() - started_s) * 1000))
        return outcome

    def _conclude(self, duty: Duty, outcome: Outcome, next_ms: int) -> None:
        """Remember and show what a tick found, and log it when it changed."""
        duty.is_ticking, duty.due_ms = False, next_ms
        if outcome.is_void:
            self._board.set_ticker(duty.info())
            return
        before = duty.state
        failures = before.failures + 1 if outcome.result == "failed" else 0
        duty.wrong = 0 if outcome.result == "ok" else duty.wrong + 1
        duty.state = replace(
            before,
            next_ms=next_ms,
            result=outcome.result,
            text=outcome.text,
            ms=outcome.ms,
            failures=failures,
            about=self.about(duty),
        )
        _log_change(duty, before, outcome)
        self._light(duty, outcome)
        if duty.bot is not None and duty.ticker.tells_health:
            self._board.set_bot_health(duty.bot.name, duty.health())
        self._board.set_ticker(duty.info())

    def _light(self, duty: Duty, outcome: Outcome) -> None:
        """Light the lamps. A check that failed by itself tells nothing of what it was to look at."""
        if duty.state.is_paused:
            self.darken(duty)
            return
        unknown = Health("warn", _("the check failed: {reason}").format(reason=outcome.text), None, _at_ms(duty))
        for name in duty.ticker.lamps:
            self._board.set_lamp(name, outcome.parts.get(name, unknown))

    def darken(self, duty: Duty) -> None:
        """Let the lamps of a paused ticker say that nobody looks: what was found last may be over."""
        with use_language(self._settings.platform.language):
            for name in duty.ticker.lamps:
                self._board.set_lamp(name, Health("warn", _("the check is paused"), None, _at_ms(duty)))

    async def _write(self, duty: Duty, lease: tuple[str, str]) -> None:
        """Keep the state, unless the lease under which the tick began is lost; else the next tick will."""
        slots_of = _entry(duty) if duty.bot is not None else ""
        call = stored.write_tick(duty.place, duty.state, lease, slots_of)
        try:
            async with asyncio.timeout(WRITE_S):
                await self._redis.run(call)
        except SILENT as error:
            log.debug("tick not written ticker=%s bot=%s error=%s", duty.ticker.name, duty.bot_name, error)


def _entry(duty: Duty) -> str:
    """Return the name of the tick that began last: of its job, and of the slots of the token's rate that it takes."""
    bot = duty.bot_name or "-"
    return f"tick-{duty.ticker.name}-{bot}-{duty.state.last_ms}"


def _at_ms(duty: Duty) -> int:
    return duty.state.last_ms or 0


def _wait_s(duty: Duty, outcome: Outcome) -> float:
    """Return how long to wait for the next tick: less when something is wrong or not done yet."""
    recheck_s = duty.ticker.recheck_s
    is_calm = outcome.result == "ok" and not outcome.has_more
    return duty.period_s if is_calm or recheck_s is None else min(duty.period_s, recheck_s)


def _log_change(duty: Duty, before: TickerState, outcome: Outcome) -> None:
    if outcome.result == before.result or (before.result is None and outcome.result == "ok"):
        return
    level = logging.INFO if outcome.result == "ok" else logging.WARNING
    facts = (duty.ticker.name, duty.bot_name or "-", outcome.result, before.result or "unknown", outcome.reason)
    log.log(level, "ticker says ticker=%s bot=%s state=%s before=%s reason=%s", *facts)
