"""A host of the virtual world: a platform, its dispatcher and its workers; killed, frozen and begun again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from db import keys
from db.bot_config import BotConfig
from db.bots import Bot
from server.dispatcher.dispatcher import Dispatcher
from tests.simulation.clients import AsyncClient, Road, Subscription
from tests.simulation.loop import VirtualLoop
from tests.simulation.worker import SimPool, WorkerProcess
from tests.simulation.world import Process

if TYPE_CHECKING:
    from tests.simulation.stage import Stage


class Host:
    """Holds the lock of one state directory: there is one platform at a time, and the next one is its heir."""

    def __init__(self, stage: Stage, number: int, skew_s: float) -> None:
        self.stage, self.name = stage, f"h{number}"
        self.road = Road(stage.server, stage.dice_of(self.name), self, is_calm=stage.schedule.is_calm)
        self._skew_s = skew_s
        self._lives = self._pids = 0
        self.start()

    def start(self) -> None:
        """Begin a platform, unless one runs or this world ends."""
        if self._lives and (self.platform.is_alive or self.stage.is_ending):
            return
        self._lives += 1
        self.platform = VirtualLoop(self.stage.world, f"{self.name} life {self._lives}", self._skew_s)
        self.workers: list[WorkerProcess] = []
        self.stage.loops.append(self.platform)
        self._started = asyncio.Event()
        self.platform.call_soon(lambda: self.platform.create_task(self._main()))

    async def _main(self) -> None:
        stage = self.stage
        self.pool = SimPool(self, stage.schedule.workers)
        self.pool.start()
        client = AsyncClient(self.road, self.platform)
        self.dispatcher = Dispatcher(
            stage.settings,
            client,  # type: ignore[arg-type]
            self._bots,
            self.pool,
            self.name,
            lambda topic, told: None,
            dice=stage.dice_of(self.platform.name),
            subscriber=client,  # type: ignore[arg-type]
        )
        await self.dispatcher.start()
        self._started.set()

    async def _bots(self) -> list[tuple[Bot, BotConfig]]:
        client = AsyncClient(self.road, self.platform)
        await client.roundtrip([("GET", keys.BOTS_VERSION)])
        return list(self.stage.bots)

    async def start_worker(self) -> Any:
        """Be the pool's source of workers."""
        self._pids += 1
        process = WorkerProcess(self, self._lives * 1000 + self._pids, self._skew_s)
        self.workers = [worker for worker in self.workers if worker.is_alive]
        self.workers.append(process)
        self.stage.greens.append(process)
        process.start()
        return process

    # What happens to it.

    def hurt(self, what: str, for_s: float) -> None:
        """Break something of this host, and let it be mended after ``for_s``."""
        self.stage.tell(f"{self.name}: {what} for {for_s} s")
        after = self.stage.world.after
        if what == "kill host":
            self.kill()
            after(for_s, self.start)
        elif what == "restart host":
            self.stop(then_s=for_s)
        elif what == "lose redis":
            self.road.is_open = False
            self.cut_subscriptions()
            after(for_s, self._find_redis)
        elif what == "deafen":
            self.cut_subscriptions()
        else:
            frozen: list[Process] = [self.platform, *(() if what == "freeze platform" else self.workers)]
            for process in frozen:
                process.freeze()
            after(for_s, _thaw, frozen, what == "sleep host")

    def kill(self) -> None:
        """End the platform, and with it its workers."""
        for worker in self.workers:
            worker.kill()
        self.platform.kill()

    def stop(self, then_s: float | None = None) -> None:
        """Let it drain and end by itself, and begin again after ``then_s``."""
        self.platform.call_soon(lambda: self.platform.create_task(self._stop(then_s)))

    async def _stop(self, then_s: float | None) -> None:
        await self._started.wait()
        await self.dispatcher.drain(self.stage.schedule.deadline_s)
        await self.pool.stop()
        self.kill()
        if then_s is not None:
            self.stage.world.after(then_s, self.start)

    def cut_subscriptions(self) -> None:
        for subscription in self.stage.server.subscriptions[:]:
            if isinstance(subscription, Subscription) and subscription.is_of(self.road):
                subscription.cut()

    def _find_redis(self) -> None:
        self.road.is_open = True


def _thaw(frozen: list[Process], clock_stood: bool) -> None:
    for process in frozen:
        process.thaw(clock_stood)
