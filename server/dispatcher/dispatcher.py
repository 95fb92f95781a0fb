"""Runs the lanes of all bots that this host holds, and shares the workers between them.

It decides which lanes exist (bots that are enabled, leases that are ours) and whose turn it is; what happens to one
event belongs to the lane.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import redis.asyncio
from redis.exceptions import RedisError

from db import keys
from db.bot_config import BotConfig
from db.bots import Bot
from db.errors import StorageUnavailable
from db.links import async_subscriber
from db.settings import Settings
from server.dispatcher.batching import BatchedRedis
from server.dispatcher.clock import RedisClock
from server.dispatcher.handling import OnAsk, OnEvent, Shared
from server.dispatcher.hosts import HostInfo, Hosts
from server.dispatcher.lane import Lane
from server.dispatcher.leases import Leases
from server.dispatcher.pauses import Pause, Rules
from server.dispatcher.pool import Pool
from server.dispatcher.recent import Figures, Recents
from server.dispatcher.shares import Ring
from server.dispatcher.wakes import Wakes

SWEEP_S = 10.0  # for wake-ups that were lost
RETRY_S = 0.05  # when Redis did not answer
BULK_MAX = 25  # scripts of a heap that go out together; between them Redis serves the other connections
RELEASE_S = 2.0  # for giving leases back at the end

LaneState = Literal["running", "elsewhere", "stopped"]
LoadBots = Callable[[], Awaitable[list[tuple[Bot, BotConfig]]]]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LaneInfo:
    """One bot's lane, as the operator sees it. Counters run since the dispatcher's start."""

    waiting: int
    in_flight: int
    lane: LaneState
    counters: dict[str, int] = field(default_factory=dict)
    recent: Figures = field(default_factory=Figures)
    pauses: tuple[Pause, ...] = ()
    host: str = ""  # that runs it, when it is another


async def _refuse_ask(bot: Bot, job: dict[str, Any], ask: dict[str, Any]) -> dict[str, Any]:
    return {"id": ask.get("id"), "text": "nobody here takes questions", "data": None, "exit_code": 1}


class Dispatcher:
    """``start`` once, ``drain`` once. The caller holds the lock of the state directory that ``host_id`` belongs to."""

    def __init__(
        self,
        settings: Settings,
        redis: redis.asyncio.Redis,
        bots: LoadBots,
        pool: Pool,
        host_id: str,
        on_event: OnEvent,
        on_ask: OnAsk = _refuse_ask,
        dice: random.Random | None = None,
        subscriber: redis.asyncio.Redis | None = None,
        rules: Rules | None = None,
    ) -> None:
        self._settings = settings
        self._load_bots = bots
        self._pool = pool
        self._on_event = on_event
        self._redis = BatchedRedis(redis)
        self._leases = Leases(self._redis, host_id, settings.lanes.lease_s)
        self._hosts = Hosts(self._redis, host_id, settings.lanes.lease_s)
        self._is_surplus = False  # as of the last look
        self._ring: Ring[Lane] = Ring()
        self._shared = Shared(
            settings=settings,
            redis=self._redis,
            clock=RedisClock(),
            dice=dice or random.Random(),
            on_ask=on_ask,
            on_event=self._on_step,
            rules=rules or Rules(),
            bulk=BatchedRedis(redis, BULK_MAX),
        )
        self._bots: dict[str, tuple[Bot, BotConfig]] = {}
        self._version: object = None
        self._lanes: dict[str, Lane] = {}
        self._leaving: dict[str, asyncio.Task[None]] = {}
        self._elsewhere: dict[str, tuple[int, str]] = {}  # what waits, and at which host
        self._counters: dict[str, dict[str, int]] = {}  # of lanes that ended
        self._recents = Recents()
        self._look = asyncio.Event()  # at the leases, before it is time
        self._bots_changed = asyncio.Event()
        self._bots_changed.set()
        self._is_draining = False
        self._wakes_client = subscriber or async_subscriber(settings)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Inherit from a dead predecessor, take the free lanes, and begin. Waits for Redis."""
        while not await self._succeeds(self._inherit()):
            await asyncio.sleep(RETRY_S)
        wakes = Wakes(self._wakes_client, self._on_message, self.connected)
        works = (self._keep_leases, wakes.listen, self._keep_bots, self._sweep_on, self._share_workers)
        self._tasks = [asyncio.get_running_loop().create_task(_for_ever(work)) for work in works]

    async def drain(self, timeout_s: float) -> None:
        """Take no more, wait for running jobs up to ``timeout_s``, kill those that remain, give the leases back."""
        self._is_draining = True
        await self._succeeds(self._hosts.leave())
        keep_leases, *others = self._tasks
        for task in others:
            task.cancel()
        lanes = list(self._lanes.values())
        await asyncio.gather(*(lane.drain(timeout_s) for lane in lanes))
        if self._leaving:
            await asyncio.wait(self._leaving.values(), timeout=RELEASE_S)
        keep_leases.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        end_s = time.monotonic() + RELEASE_S
        while not await self._succeeds(self._leases.release_all()) and time.monotonic() < end_s:
            await asyncio.sleep(RETRY_S)
        for lane in list(self._lanes.values()):
            self._forget(lane)
        await self._wakes_client.aclose()

    def lanes(self) -> dict[str, LaneInfo]:
        """Return all bots with their lanes."""
        return {name: self._info(name, bot) for name, (bot, _config) in self._bots.items()}

    def hosts(self) -> tuple[HostInfo, ...]:
        """Return all hosts that share these bots, and those that were lost in the last day."""
        return self._hosts.known

    def bots(self) -> dict[str, tuple[Bot, BotConfig]]:
        """Return all bots with their settings."""
        return self._bots

    def lease(self, bot: str) -> str | None:
        """Return the value of a bot's lease when its lane runs here."""
        return self._leases.value(bot) if bot in self._lanes and bot in self._leases else None

    def connected(self) -> None:
        """Read all again: hints may have been lost while there was no subscription."""
        for lane in self._lanes.values():
            lane.reread()
        self._bots_changed.set()

    def token_checked(self, bot: str, works: bool) -> None:
        """Tell a bot's lane, when it runs here, what a check of its token found."""
        lane = self._lanes.get(bot)
        if lane is not None:
            lane.token_checked(works)

    def _info(self, name: str, bot: Bot) -> LaneInfo:
        counters = dict(self._counters.get(name, {}))
        recent = self._recents.figures(name)
        lane = self._lanes.get(name)
        if lane is None:
            state: LaneState = "elsewhere" if bot.enabled else "stopped"
            waiting, host = self._elsewhere.get(name, (0, ""))
            return LaneInfo(waiting, 0, state, counters, recent, host=host)
        for step, count in lane.counters.items():
            counters[step] = counters.get(step, 0) + count
        return LaneInfo(lane.waiting, lane.in_flight, "running", counters, recent, lane.pauses)

    def _on_step(self, topic: str, told: dict[str, Any]) -> None:
        """Let a step of a message count for its bot's figures, and pass it on."""
        if topic == "event":
            self._recents.note(told)
        self._on_event(topic, told)

    # Which lanes there are.

    async def _inherit(self) -> None:
        await self._reload()
        count = await self._leases.inherit(list(self._bots))
        if count:
            log.info("leases inherited from a dead predecessor count=%d", count)

    async def _keep_leases(self) -> None:
        """Renew what is ours and take what is free, every third of a lease and whenever something changed."""
        while True:
            self._look.clear()
            if await self._succeeds(self._renew_and_take()):
                await _wait(self._look, self._settings.lanes.lease_s / 3)
            else:
                await asyncio.sleep(RETRY_S)

    async def _renew_and_take(self) -> None:
        for name in await self._leases.renew():
            log.warning("lease lost bot=%s", name)
            self._end(name)
        if self._is_draining:
            return
        await self._hosts.tell(len(self._lanes))
        enabled = [name for name, (bot, _) in self._bots.items() if bot.enabled]
        ours = self._lanes.keys() | self._leaving.keys()
        lacking = max(self._hosts.share(len(ours), len(enabled)) - len(ours), 0)
        for name in await self._leases.take((name for name in enabled if name not in ours), lacking):
            self._begin(name)
        for lane in self._lanes.values():
            lane.offer()  # those that were not sure of their lease are now
        self._balance(len(enabled))

    def _balance(self, bots: int) -> None:
        """Give lanes to hosts that have too few, the idlest first, when two looks in a row say so."""
        staying = [lane for name, lane in self._lanes.items() if name not in self._leaving]
        surplus = self._hosts.surplus(len(staying), bots)
        if surplus and self._is_surplus:
            staying.sort(key=lambda lane: lane.waiting + lane.in_flight)
            for lane in staying[:surplus]:
                log.info("lane given to another host bot=%s", lane.bot.name)
                self._leave_later(lane)
        self._is_surplus = bool(surplus)

    def _begin(self, name: str) -> None:
        bot, config = self._bots.get(name, (None, None))
        if bot is None or config is None or not bot.enabled:
            self._leases.forget(name)  # changed while we took it: the lease runs out
            return
        lane = Lane(
            self._shared,
            bot,
            config,
            self._leases.value(name),
            is_sure=lambda: self._leases.is_sure(name),
            stand=self._ring.offer,
            on_lost=self._on_lost,
        )
        self._lanes[name] = lane
        lane.start()
        self._on_event("bot", {"bot": name, "lane": "running"})

    def _end(self, name: str) -> None:
        lane = self._lanes.get(name)
        if lane is not None:
            lane.lose()
            self._forget(lane)

    def _on_lost(self, lane: Lane) -> None:
        """A lane gave up by itself: its lease runs out, which keeps a lane that fails from spinning."""
        log.warning("lane given up bot=%s", lane.bot.name)
        self._leases.forget(lane.bot.name)
        self._forget(lane)

    def _forget(self, lane: Lane) -> None:
        name = lane.bot.name
        if self._lanes.get(name) is lane:
            del self._lanes[name]
            ended = self._counters.setdefault(name, {})
            for step, count in lane.counters.items():
                ended[step] = ended.get(step, 0) + count
            self._on_event("bot", {"bot": name, "lane": "elsewhere"})

    # Which bots there are.

    async def _keep_bots(self) -> None:
        """Follow the changes of bots, and of their settings."""
        while True:
            await self._bots_changed.wait()
            self._bots_changed.clear()
            if not await self._succeeds(self._reload()):
                self._bots_changed.set()
                await asyncio.sleep(RETRY_S)

    async def _reload(self) -> None:
        self._version = await self._redis.command("GET", keys.BOTS_VERSION)
        self._bots = {bot.name: (bot, config) for bot, config in await self._load_bots()}
        self._recents.keep(self._bots.keys())
        for name, lane in list(self._lanes.items()):
            bot, config = self._bots.get(name, (None, None))
            if bot is not None and config is not None and bot.enabled and _same_lane(bot, lane.bot):
                lane.update(bot, config)
            elif name not in self._leaving:
                self._leave_later(lane)
        self._look.set()

    def _leave_later(self, lane: Lane) -> None:
        self._leaving[lane.bot.name] = asyncio.get_running_loop().create_task(self._leave(lane))

    async def _leave(self, lane: Lane) -> None:
        """Give one lane back in good order: its bot was disabled, removed or moved, or another host is to have it."""
        name = lane.bot.name
        try:
            await lane.drain(self._settings.engine.deadline_s)
            if not await self._succeeds(self._leases.release([name])):
                self._leases.forget(name)
            self._forget(lane)
        finally:
            del self._leaving[name]
            self._look.set()

    # Hints and turns.

    def _on_message(self, channel: str) -> None:
        if channel == keys.BOTS_CHANGED:
            self._bots_changed.set()
        elif channel == keys.LEASES_RELEASED:
            self._look.set()
        else:
            lane = self._lanes.get(channel.removeprefix(keys.WAKE_PREFIX))
            if lane is not None:
                lane.wake()

    async def _sweep_on(self) -> None:
        """Look after what a lost hint would have told."""
        while True:
            await asyncio.sleep(SWEEP_S)
            await self._succeeds(self._sweep())

    async def _sweep(self) -> None:
        for lane in self._lanes.values():
            lane.wake()
        if await self._redis.command("GET", keys.BOTS_VERSION) != self._version:
            self._bots_changed.set()
        others = [name for name in self._bots if name not in self._lanes]
        lengths = await asyncio.gather(*(self._redis.command("XLEN", keys.inbox(name)) for name in others))
        owners = await self._redis.command("MGET", *map(keys.lease, others)) if others else []
        hosts = (owner.decode().rpartition(":")[0] if owner else "" for owner in owners)
        self._elsewhere = dict(zip(others, zip(map(int, lengths), hosts, strict=True), strict=True))

    async def _share_workers(self) -> None:
        """Give each free worker to the lane whose turn it is."""
        while True:
            await self._ring.wait()
            worker = await self._pool.acquire()
            lane = self._ring.next()
            if lane is None:
                worker.release()
                continue
            try:
                lane.begin(worker)
            except BaseException:
                worker.release()
                raise
            self._ring.offer(lane)

    async def _succeeds(self, work: Awaitable[None]) -> bool:
        """Await ``work``; say whether it went well. The net of the loops above: a fault is logged and they go on."""
        try:
            await work
        except (StorageUnavailable, RedisError, OSError):
            return False
        except Exception:
            log.exception("the dispatcher stumbled")
            await asyncio.sleep(1)
            return False
        return True


async def _for_ever(work: Callable[[], Awaitable[None]]) -> None:
    """Do ``work``, which has no end, and begin it again when a fault ends it: else all bots would fall silent."""
    while True:
        try:
            await work()
        except Exception:
            log.exception("the dispatcher stumbled")
        await asyncio.sleep(RETRY_S)


def _same_lane(new: Bot, old: Bot) -> bool:
    """Say whether a lane may go on for a changed bot."""
    return (new.bot_id, new.group_id, new.base, new.db) == (old.bot_id, old.group_id, old.base, old.db)


async def _wait(event: asyncio.Event, timeout_s: float) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        return
