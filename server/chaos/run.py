"""Plays ``salo chaos``: a crowd talks, a plan of harms is carried out, a platform that died is started again."""

from __future__ import annotations

import asyncio
import random
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from db.codec import dumps
from db.errors import EXIT_FAILED, EXIT_OK
from db.texts import _
from server.chaos.belongings import of_home
from server.chaos.crowd import Crowd, gather
from server.chaos.harms import Harm, Harmer
from server.chaos.plan import KINDS, Plan
from server.chaos.report import LIMITS_S, Report, Times, make_report
from server.chaos.watch import Watch
from server.demo.chatter import read_lines
from server.demo.play import Play
from server.demo.stage import Stage, StageFailed, set_stage
from server.demo.voice import Voice

TIME_SCALE = 0.01  # VK's waits between two posts of an event: 0.1 s instead of 10
WARM_S = 2.0  # of talk before the first harm
CALM_S = 2.0  # of talk after the last one
GONE_S = 2.0  # for a killed platform's children to be gone
STARTS_MAX = 5  # of a platform, one after another, that did not come up
TELL_EVERY_S = 10.0
_TABLES = {"engine": {"workers": 4}, "callback": {"servers": 2}}  # so that one of them may be killed


@dataclass(frozen=True, slots=True)
class ChaosOptions:
    """What ``salo chaos`` was asked for. ``rate`` in messages a second, over all bots."""

    minutes: float = 10.0
    seed: int = 1
    as_json: bool = False
    rate: float = 100.0
    bots: int = 20
    people: int = 50
    logs: Path | None = None  # where the logs of the platform are copied to at the end


def run(options: ChaosOptions) -> int:
    """Play it and tell the result; 0 only when nothing was lost, doubled, out of order or left behind."""
    return asyncio.run(_run(options))


async def _run(options: ChaosOptions) -> int:
    stopped = asyncio.Event()
    voice = Voice(on_stderr=options.as_json)
    voice.listen(asyncio.get_running_loop(), stopped.set)
    words = _("seed {seed}: {bots} bots, {people} conversations each, {rate:g} messages a second, {minutes:g} min")
    voice.say(words.format(**_values(options)))
    async with set_stage(_TABLES, time_scale=TIME_SCALE, cast=gather(options.bots, options.people)) as stage:
        chaos = _Chaos(stage, options, voice, stopped)
        try:
            await chaos.play()
            outcome = await chaos.performance.outcome()
        finally:
            _keep_logs(stage, options.logs)
    left = len(of_home(stage.settings.home))
    report = make_report(
        outcome,
        chaos.harmer.done,
        seed=options.seed,
        seconds=chaos.seconds,
        orphans=chaos.standby.orphans + left,
        crashes=chaos.standby.crashes,
        missed=chaos.harmer.missed,
    )
    _tell(voice, report)
    if options.as_json:
        voice.say_data(dumps(report.as_json()).decode())
    return EXIT_OK if report.is_clean else EXIT_FAILED


def _keep_logs(stage: Stage, target: Path | None) -> None:
    if target is not None:
        shutil.copytree(stage.settings.state.logs, target, dirs_exist_ok=True)
        shutil.copy(stage.settings.home / "platform.log", target / "platform.out")


def _values(options: ChaosOptions) -> dict[str, float]:
    names = ("seed", "bots", "people", "rate", "minutes")
    return {name: getattr(options, name) for name in names}


class _Chaos:
    """One run on a set stage."""

    def __init__(self, stage: Stage, options: ChaosOptions, voice: Voice, stopped: asyncio.Event) -> None:
        dice = random.Random(options.seed)
        self.performance = Play(stage, Crowd(stage.cast, read_lines(), random.Random(options.seed + 1)))
        self.watch = Watch(stage.settings.state)
        self.harmer = Harmer(stage, self.watch)
        self.standby = Standby(stage, self.harmer)
        self.seconds = 0.0
        self._plan = Plan(dice)
        self._options, self._voice, self._stopped = options, voice, stopped

    async def play(self) -> None:
        """Talk and hurt for as long as was asked, or until somebody stops it; everything runs again afterwards."""
        began = time.monotonic()
        end = began + self._options.minutes * 60
        silent = asyncio.Event()
        side = [
            asyncio.ensure_future(work)
            for work in (self.performance.follow(), self.watch.follow(), self.standby.keep(), self._tell_on(began))
        ]
        talking = asyncio.ensure_future(self.performance.talk(self._options.rate, silent.is_set))
        try:
            await self._wait(WARM_S)
            while time.monotonic() < end and not self._stopped.is_set():
                step = self._plan.next()
                await self._wait(step.pause_s)
                await _first(asyncio.ensure_future(self.harmer.act(step)), talking, *side)
            self.harmer.close()
            await self.standby.wait_up()
            await self._wait(CALM_S)
        finally:
            self.harmer.close()
            silent.set()
            await talking
            for task in side:
                task.cancel()
            await asyncio.gather(*side, return_exceptions=True)
            self.seconds = time.monotonic() - began

    async def _wait(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopped.wait()

    async def _tell_on(self, began: float) -> None:
        while True:
            await asyncio.sleep(TELL_EVERY_S)
            kills = sum(harm.how == "kill" for harm in self.harmer.done)
            words = _("{seconds:.0f} s: {events} messages, {kills} kills, {stops} stops")
            counts = {"events": self.performance.said, "kills": kills, "stops": len(self.harmer.done) - kills}
            self._voice.say(words.format(seconds=time.monotonic() - began, **counts))


async def _first(harm: asyncio.Future[Harm | None], *others: asyncio.Future[None]) -> None:
    """Wait for a harm to be done. When one of the others, which should go on, failed: raise its error."""
    futures: list[asyncio.Future[Any]] = [harm, *others]
    await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
    for other in others:
        if other.done():
            harm.cancel()
            other.result()
    await harm


class Standby:
    """Starts a platform that ended again at once, as systemd does, and looks for what the old one left behind."""

    def __init__(self, stage: Stage, harmer: Harmer) -> None:
        self.orphans = 0
        self.crashes = 0
        self._stage, self._harmer = stage, harmer
        self._is_up = asyncio.Event()
        self._is_up.set()

    async def wait_up(self) -> None:
        """Return when the platform runs, also when it was killed just now."""
        killed = self._last_kill()
        if self._stage.platform.exit is not None or (killed is not None and killed.up_ms is None):
            self._is_up.clear()
        await self._is_up.wait()

    async def keep(self) -> None:
        """Keep it running until cancelled. Raises ``StageFailed`` when it does not come up again and again."""
        while True:
            await self._stage.platform.ended()
            self._is_up.clear()
            killed = self._last_kill()
            self.crashes += killed is None or killed.up_ms is not None
            self.orphans += await self._count_left()
            if killed is not None and killed.up_ms is None:
                killed.up_ms = time.time() * 1000
            await self._start()
            self._is_up.set()

    def _last_kill(self) -> Harm | None:
        """Return the last kill of the platform; its ``up_ms`` is None until we have seen the platform end."""
        kills = (harm for harm in reversed(self._harmer.done) if harm.kind == "platform" and harm.how == "kill")
        return next(kills, None)

    async def _start(self) -> None:
        for number in range(1, STARTS_MAX + 1):
            try:
                await self._stage.start_platform()
            except StageFailed:
                if number == STARTS_MAX:
                    raise
            else:
                return

    async def _count_left(self) -> int:
        """Return how many processes outlive the platform for ``GONE_S``, and end them."""
        end = time.monotonic() + GONE_S
        while left := await asyncio.to_thread(self._left):
            if time.monotonic() > end:
                for process in left:
                    process.kill()
                return len(left)
            await asyncio.sleep(0.01)
        return 0

    def _left(self) -> list[psutil.Process]:
        return [one for one in of_home(self._stage.settings.home) if one.pid != self._stage.emulator.pid]


def _tell(voice: Voice, report: Report) -> None:
    lines = {
        _("messages"): report.events,
        _("replies"): report.answers,
        _("unsolved"): report.unsolved,
        _("lost"): report.lost,
        _("doubled"): report.duplicated,
        _("out of order"): report.out_of_order,
        _("dead letters"): report.dead,
        _("replies to dead letters"): report.both,
        _("left behind"): report.orphans,
        _("crashes of the platform"): report.crashes,
    }
    for word, value in lines.items():
        voice.say(f"{word:>28}  {value}")
    voice.say("")
    heads = _("process"), _("killed"), _("frozen"), _("next reply, s: p50/most/limit")
    voice.say("{:>28}  {:>8}  {:>8}  {}".format(*heads))
    for kind in KINDS:
        times = report.recovery_s.get(kind, Times(0, None, None, None))
        limit = LIMITS_S.get(kind)
        told = f"{_number(times.p50)} / {_number(times.most)} / {_number(limit)} ({times.count})"
        voice.say(f"{kind:>28}  {report.kills[kind]:>8}  {report.stops[kind]:>8}  {told}")
    voice.say("")
    for name, word in (("outside", _("reply time in calm, ms")), ("inside", _("reply time in faults, ms"))):
        times = report.latency_ms[name]
        told = f"p50 {_number(times.p50)}  p99 {_number(times.p99)}  max {_number(times.most)}  ({times.count})"
        voice.say(f"{word:>28}  {told}")
    for reason, count in report.letters.items():
        voice.say(f"{count:>28}  × {reason}")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"
