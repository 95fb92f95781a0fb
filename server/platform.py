"""The platform process behind ``salo run``: brings the parts up in order, keeps them together, takes them down.

Everything that works is a child process or a module of its own (supervisor, dispatcher, control); this one knows
only what needs what. Events are taken as soon as Redis can keep them, and answered when the rest is up: MariaDB and
its schema, the journal writer, the workers, the lanes. They go down in the opposite order.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

from db.bot_config import BotConfig
from db.bots import Bot
from db.errors import EXIT_OK, BadSettings, NotFound
from db.links import async_redis_client, is_maria_embedded, is_redis_embedded
from db.one_line import log_to_stderr
from db.protocol import Health, PlatformSnapshot, ProcessInfo, TickerInfo
from db.secret import Secret
from db.settings import Settings
from db.texts import _
from db.version import VERSION
from server.asking import OnAsk, answerer
from server.board import Board
from server.callback.listener import open_listener
from server.children import (
    LONG_POLL,
    ZYGOTE,
    callback_place,
    callback_specs,
    engine_environment,
    journal_spec,
    long_poll_spec,
    zygote_spec,
)
from server.childspec import ChildSpec
from server.commands.context import Resources
from server.control import ControlServer
from server.dispatcher.dispatcher import Dispatcher
from server.dispatcher.finder import Finder
from server.dispatcher.limits import worker_limits
from server.dispatcher.pool import Pool
from server.dispatcher.sources import CommandSource, WorkerSource, ZygoteSource
from server.engine_check import check_engine
from server.gauges import Gauges
from server.host import host_id
from server.log_levels import Levels
from server.logs import open_log
from server.notify import notify
from server.orphans import Sweeper, become_subreaper, kill_adopted, reap_adopted
from server.platform_log import FORMAT, PlatformLog
from server.process import Child
from server.snapshots import bot_info, host_info, steady, steady_uptime, worker_infos
from server.storage.check import check_external
from server.storage.embedded_mariadb import mariadb_spec
from server.storage.embedded_redis import redis_spec
from server.storage.lock import LEAVING, PLATFORM, StateLock
from server.supervisor import Supervisor
from server.tickers.service import Tickers
from server.tie import stop_with_terminal

LOCK_WAIT_S = 10.0  # for a command of the shell, or a platform on its way out, to let go of the storage
READY_WITHIN_S = 60.0
DRAIN_S = 20.0  # at a stop: for the jobs that are under way
ASKS_AT_ONCE = 4
FINDERS = 1  # workers of ours that look phrases up for another engine
ENGINE = "engine"  # the log of all workers, and what is shown when none of them starts

log = logging.getLogger("salo")


def run(settings: Settings, *, detached: bool = False, tied_to: int | None = None) -> int:
    """Run the platform until SIGTERM, SIGINT or ``salo stop``; return the exit code. Raises ``SaloError``.

    ``detached``: nobody reads our stderr, and our own log file is enough. ``tied_to`` is a pipe: ``server.tie``.
    """
    level = settings.platform.log_level.upper()
    logging.getLogger().setLevel(level)
    if not detached:
        log_to_stderr(level, FORMAT)
    settings.state.prepare()
    for warning in check_external(settings):
        log.warning(warning)
    lock = StateLock.acquire(settings.state, PLATFORM, LOCK_WAIT_S)
    become_subreaper()
    try:
        with PlatformLog(settings) as own_log:
            asyncio.run(Platform(settings, lock, own_log).live(tied_to))
    finally:
        lock.close()
    return EXIT_OK


class Platform:
    """One running platform. It is also what commands see of it (``server.commands.context.PlatformView``)."""

    def __init__(self, settings: Settings, lock: StateLock, own_log: PlatformLog) -> None:
        self._settings = settings
        self._lock = lock
        self._started_s = time.monotonic()
        self._stopping = asyncio.Event()
        self._storage_up = asyncio.Event()
        self._phase, self._stopped_by = "starting", ""
        self._resources = Resources(settings)
        self._executor = ThreadPoolExecutor(ASKS_AT_ONCE, thread_name_prefix="ask")
        self._zygote = ZygoteSource()
        self._supervisor = Supervisor(settings, self._on_process, self._on_line, on_started=self._on_started)
        self._sweeper = Sweeper()
        self._engine_log = open_log(settings, ENGINE, self._on_line)  # of all workers
        spares = 0 if settings.engine.command else settings.engine.workers  # others' programs are as many as was said
        self._pool = self._new_pool(self._worker_source(), settings.engine.workers, self._on_trouble, spares)
        self._finders = self._new_pool(self._zygote, FINDERS) if settings.engine.command else None
        self._control = ControlServer(settings, self, self._resources)
        self._own_log, self._levels = own_log, Levels()
        self.board = Board(self._control.publish, self._on_checked)
        tickers_pool = self._new_pool(self._zygote, settings.tickers.workers)
        self._tickers = Tickers(settings, tickers_pool, self.board, self._keep_code)
        self._gauges = Gauges(settings, lambda: self._bots.values(), lambda: self._control.has_subscribers)
        self._counting: asyncio.Task[None] | None = None
        self._dispatcher: Dispatcher | None = None
        self._listener: socket.socket | None = None
        self._bots: dict[str, Bot] = {}
        self._has_listeners = False

    # What commands see.

    def snapshot(self) -> PlatformSnapshot:
        """Return how everything is, at once."""
        self._gauges.asked()
        lanes = self._dispatcher.lanes() if self._dispatcher else {}
        known = [(self._bots[name], lane) for name, lane in lanes.items() if name in self._bots]
        bots = [bot_info(bot, lane, self.board.bot_health(bot.name), self._gauges.unsolved(bot)) for bot, lane in known]
        workers = [*worker_infos(self._pool.pids), *worker_infos(self._tickers.pids, "ticker")]
        workers += worker_infos(self._finders.pids, "finder") if self._finders else []
        workers += [trouble] if (trouble := self._pool.trouble("worker", ENGINE)) else []
        processes = [*map(steady, self._supervisor.processes()), *workers]
        lamps = self.board.lamps(processes)
        return PlatformSnapshot(self._facts(lamps), bots, processes, self.board.tickers(), self._control.seq)

    async def measure(self) -> None:
        """Return when what the storage counts for the snapshot is fresh, or after a second."""
        await self._gauges.fresh()

    async def wait_storage(self) -> None:
        """Return when Redis and MariaDB are up and the schema of the bases is."""
        await self._storage_up.wait()

    def request_stop(self, by: str) -> None:
        """Begin to stop, and return before it is done. ``by`` is told to all terminals."""
        self._stopped_by = self._stopped_by or by
        self._stopping.set()

    async def restart(self, name: str) -> None:
        """Restart one child and return when it was started again. ``NotFound`` when there is none of this name."""
        try:
            await self._supervisor.restart(name)
        except KeyError:
            known = ", ".join(info.name for info in self._supervisor.processes())
            raise NotFound(_("there is no process {name}; there are: {known}").format(name=name, known=known)) from None

    async def run_ticker(self, name: str, bot: str) -> list[TickerInfo]:
        """Let a ticker tick now, and return how it is after that; ``bot`` empty: that of each bot."""
        return await self._tickers.run(name, bot)

    async def pause_ticker(self, name: str, bot: str, is_paused: bool) -> list[TickerInfo]:
        """Pause a ticker, or let it go on, and return how it is."""
        return await self._tickers.pause(name, bot, is_paused)

    def _facts(self, lamps: dict[str, Health]) -> dict[str, Any]:
        storage = self._settings.storage
        return {
            "state": self._phase,
            **({"stopped_by": self._stopped_by} if self._stopped_by else {}),
            "pid": os.getpid(),
            "version": VERSION,
            "uptime": steady_uptime(time.monotonic() - self._started_s),
            "home": str(self._settings.home),
            "host": socket.gethostname(),
            "callback": callback_place(self._settings),
            "redis": "embedded" if is_redis_embedded(self._settings) else storage.redis.split("@")[-1],
            "mariadb": "embedded" if is_maria_embedded(self._settings) else storage.mariadb.split("@")[-1],
            **self._other_hosts(),
            "dead": self._gauges.dead,
            "lamps": lamps,
        }

    def _other_hosts(self) -> dict[str, Any]:
        """Return all hosts, when there are others: ``host_info``."""
        hosts = self._dispatcher.hosts() if self._dispatcher else ()
        return {"hosts": [host_info(host) for host in hosts]} if len(hosts) > 1 else {}

    # Its life.

    async def live(self, tied_to: int | None = None) -> None:
        """Come up, serve until told to stop, go down. Raises ``SaloError`` when a part cannot come up."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.request_stop, number.name)
        if tied_to is not None:
            stop_with_terminal(tied_to, self.request_stop)
        loop.add_signal_handler(signal.SIGCHLD, reap_adopted)
        stopping = asyncio.ensure_future(self._stopping.wait())
        starting = asyncio.ensure_future(self._come_up())
        try:
            await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
                await stopping
        finally:
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
            await self._go_down()

    async def _come_up(self) -> None:
        """Open the doors as soon as Redis can keep what comes in; everything else comes up meanwhile."""
        self._listener = open_listener(self._settings)  # ours to the end: a server that is started again gets it too
        await self._control.start()
        self._own_log.tell(self._on_line)
        if is_redis_embedded(self._settings):
            await self._have(redis_spec(self._settings, self._lock))
        door, *more_doors = callback_specs(self._settings, self._listener.fileno())
        for spec in (door, zygote_spec(self._settings)):  # with another engine for the tickers alone
            await self._supervisor.add(spec)
        if is_maria_embedded(self._settings):
            await self._have(await asyncio.to_thread(mariadb_spec, self._settings, self._lock))
        await asyncio.to_thread(self._resources.bases.migrate_all)
        # With another host's key no bot would open: better no lanes, and a word that says so, than a failure a message.
        await asyncio.to_thread(lambda: self._resources.bots)
        self._storage_up.set()
        await self._supervisor.add(journal_spec(self._settings))
        await self._start_lanes()
        for spec in more_doors:  # one is enough until there are answers: each takes half a second of a core
            await self._supervisor.add(spec)
        for spec in (door, *more_doors):
            await self._supervisor.wait_ready(spec.name, READY_WITHIN_S)
        gc.collect()
        gc.freeze()  # what is loaded stays: looking through it again and again would hold up everybody's messages
        self._enter("running")
        notify("READY=1")
        log.info("platform ready pid=%d home=%s", os.getpid(), self._settings.home)

    async def _have(self, spec: ChildSpec) -> None:
        await self._supervisor.add(spec)
        await self._supervisor.wait_ready(spec.name, spec.ready_within_s)

    async def _start_lanes(self) -> None:
        self._pool.start()
        if self._finders is not None:
            self._finders.start()
        host = host_id(self._settings.state)
        dispatcher = Dispatcher(
            self._settings,
            async_redis_client(self._settings),
            self._load_bots,
            self._pool,
            host,
            self._on_step,
            self._on_ask(),
        )
        await dispatcher.start()
        self._dispatcher = dispatcher
        self._tickers.start(dispatcher, host)
        self._counting = asyncio.create_task(self._gauges.run())

    async def _go_down(self) -> None:
        """Take no more events, finish what is begun, write it down, and only then stop the storage."""
        self._enter("stopping")
        self._lock.mark(LEAVING)
        notify("STOPPING=1")
        log.info("platform stops pid=%d by=%s", os.getpid(), self._stopped_by or "itself")
        doors = [info.name for info in self._supervisor.processes() if info.kind in ("callback", LONG_POLL)]
        await asyncio.gather(*(self._supervisor.stop(name) for name in doors))
        if self._counting is not None:
            self._counting.cancel()
            await asyncio.gather(self._counting, return_exceptions=True)
        await self._tickers.stop()
        if self._dispatcher is not None:
            await self._dispatcher.drain(DRAIN_S)
        await self._pool.stop()
        if self._finders is not None:
            await self._finders.stop()
        await self._supervisor.stop_all()
        kill_adopted()
        self._engine_log.close()
        self._own_log.tell(None)
        await self._control.stop()
        if self._listener is not None:
            self._listener.close()
        self._executor.shutdown(wait=False, cancel_futures=True)
        self._resources.close()

    def _enter(self, phase: str) -> None:
        self._phase = phase
        self._control.publish("platform", {"state": phase, "stopped_by": self._stopped_by})

    # What it is told by its parts.

    def _on_process(self, info: ProcessInfo) -> None:
        self._control.publish("process", asdict(steady(info)))

    def _on_step(self, topic: str, told: dict[str, Any]) -> None:
        self._control.publish(topic, told)
        self._tickers.heard(topic, told)

    def _on_checked(self, bot: str, health: Health) -> None:
        """Let a lane that VK refuses go on when a check of its bot went well, and spare its probes when it did not."""
        if self._dispatcher is not None and health.state != "warn":
            self._dispatcher.token_checked(bot, health.state == "ok")

    def _on_line(self, name: str, line: str) -> None:
        self._control.publish("log", self._levels.told(name, line))

    def _on_started(self, name: str, child: Child) -> None:
        if name == ZYGOTE and child.control is not None:
            self._zygote.attach(child.control)

    async def _load_bots(self) -> list[tuple[Bot, BotConfig]]:
        """Return all bots with their settings, for the dispatcher; remembered for the snapshot."""
        found = await asyncio.to_thread(bots_as_their_bases_have_them, self._resources)
        self._bots = {bot.name: bot for bot, _config in found}
        if not self._has_listeners and any(bot.is_listened_for for bot in self._bots.values()):
            self._has_listeners = True
            await self._supervisor.add(long_poll_spec(self._settings))
        return found

    async def _keep_code(self, bot: Bot, code: str) -> None:
        """Store a bot's confirmation code: VK asks for it next. Raises ``SaloError``."""
        await asyncio.to_thread(self._resources.bots.set_config, bot, confirmation=Secret(code))

    def _worker_source(self) -> WorkerSource:
        command = self._settings.engine.command
        if not command:
            return self._zygote
        try:
            check_engine(self._settings)
        except BadSettings as error:
            log.error(error)  # events are taken nevertheless, and the program may yet come
        return CommandSource(command, engine_environment(self._settings))

    def _on_ask(self) -> OnAsk:
        """Return who answers what workers ask. Ours ask for commands alone."""
        line = answerer(self._resources, self, self._executor)
        if self._finders is None:
            return line
        from server.engine_asks import EngineAsks  # with vk_api behind it, which only another engine needs here

        asks = ThreadPoolExecutor(self._settings.engine.workers, thread_name_prefix="engine-ask")
        return EngineAsks(self._settings, lambda: self._resources.redis, asks, line, Finder(self._finders).find)

    def _new_pool(
        self, source: WorkerSource, size: int, on_trouble: Callable[[], None] = lambda: None, spares: int = 0
    ) -> Pool:
        return Pool(
            source,
            size,
            self._settings.engine.jobs_per_worker,
            limits=worker_limits(self._settings),
            spares=spares,
            on_line=self._engine_log.write,
            on_end=self._sweeper.sweep,
            on_trouble=on_trouble,
        )

    def _on_trouble(self) -> None:
        """Tell at once that no worker of the engine starts, or that one does again; each snapshot tells it, too."""
        well = ProcessInfo("worker", ENGINE, None, "running", 0, None, None)
        self._control.publish("process", asdict(self._pool.trouble("worker", ENGINE) or well))


def bots_as_their_bases_have_them(resources: Resources) -> list[tuple[Bot, BotConfig]]:
    """Return all bots with their settings; of those that they leave open, the thresholds of their bases."""
    bases = {info.name: info for info in resources.bases.list()}
    return [
        (bot, config.or_those_of(bases[bot.base]) if bot.base in bases else config)
        for bot, config in resources.bots.with_configs()
    ]
