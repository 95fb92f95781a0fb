"""Plays one schedule: hosts, Redis, VK and people in a virtual world, until everything is settled and all is quiet.

What happened is in ``story``; what should have happened is for ``checks``.
"""

from __future__ import annotations

import contextlib
import logging
import random
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any
from unittest import mock

import redis

import engine.desk
from db import codec, keys
from db.accept import Event, Outcome, accept
from db.bot_config import BotConfig
from db.bots import Bot
from db.secret import Secret
from db.settings import Settings
from db.slots import HEIR_MS
from engine.job import BatchJob, Job
from engine.verdict import Verdict
from tests.simulation.clients import Road, SyncClient
from tests.simulation.green import GreenProcess
from tests.simulation.host import Host
from tests.simulation.loop import VirtualLoop
from tests.simulation.schedule import CHAT, Fault, Said, Schedule, Trouble
from tests.simulation.server import RedisServer
from tests.simulation.vk import Recorder
from tests.simulation.worker import VirtualVk, WorkerProcess
from tests.simulation.world import EPOCH_S, World, virtual_time

BASE = "phrases"
MOST_S = 240.0  # within which everything must be settled
DRAIN_S = 60.0
QUIET_S = HEIR_MS / 1000 + 0.01  # after which no slot is held, not even one that was taken over
INBOX_MAX = 100


class Stage:
    """One schedule's world. ``play`` once, then read what it noted."""

    def __init__(self, schedule: Schedule, settings: Settings) -> None:
        self.schedule = schedule
        self.settings = _settings(schedule, settings)
        self.world = World(schedule.seed)
        self.vk = Recorder(self.world)
        self.server = RedisServer(self.world, self._trigger)
        self.bots = [_bot(number) for number in range(schedule.bots)]
        self.said = {said.event_id: said for said in schedule.said}
        self.loops: list[VirtualLoop] = []
        self.greens: list[GreenProcess] = []
        self.story: list[str] = []
        self.wrong: list[str] = []  # seen at once
        self.accepted: list[str] = []  # events, in order
        self.settled: list[str] = []
        self.accepted_s: dict[str, float] = {}
        self.begun_s: dict[str, float] = {}  # their first jobs
        self.starts: Counter[str] = Counter()  # of jobs
        self.outages: Counter[str] = Counter()  # of their ends, those that do not count
        self.batches = 0
        self.opened_s = 0.0  # the last lane: what its predecessor may still send holds slots for a while
        self.promised = 0  # events that VK got ok for
        self.is_done = self.is_ending = False
        self._events: dict[tuple[bytes, bytes], str] = {}  # inbox, entry
        self._refusals: dict[int, int] = {}  # random_id -> VK's error
        self._triggers: dict[tuple[str, int, str], list[Fault]] = defaultdict(list)
        for fault in schedule.faults:
            if fault.script:
                self._triggers[fault.script, fault.nth, fault.edge].append(fault)
        self.server.memory.added = self._added
        self.server.memory.removed = self._removed

    def dice_of(self, name: str) -> random.Random:
        """Return the dice of one part, which fall the same whatever the others throw."""
        return random.Random(self.schedule.seed << 32 | zlib.crc32(name.encode()))

    def tell(self, text: str) -> None:
        self.story.append(f"{self.world.now_s:9.4f} {text}")

    # Playing.

    def play(self) -> Stage:
        """Play the schedule to its end."""
        with virtual_time(self.world), _quiet(self), mock.patch.object(engine.desk, "VkClient", VirtualVk):
            self._prepare()
            self.hosts = [Host(self, number, skew_s) for number, skew_s in enumerate(self.schedule.skews_s)]
            for said in self.schedule.said:
                self._post_later(said)
            for fault in self.schedule.faults:
                if not fault.script:
                    host = self.hosts[fault.host]
                    self.world.at(fault.at_s, self._act, fault, host)
            self.is_done = self.world.run(self._is_settled, MOST_S)
            self._drain()
            self._close()
        return self

    def _prepare(self) -> None:
        execute = self.server.memory.execute
        execute(("SET", keys.BOTS_VERSION, 1))
        names = () if self.schedule.nameless else ("fi_name", "Anna", "la_name", "K")
        for account in {said.from_id for said in self.schedule.said}:
            execute(("HSET", keys.person(BASE, "vk", account), "status", "user", *names))

    def _is_settled(self) -> bool:
        return len(self.settled) == self.promised == len(self.schedule.said)

    def _drain(self) -> None:
        """Let all that is broken come back and the rate's window pass; then every host gives back what it holds."""
        self.world.run(self._is_healthy, self.world.now_s + DRAIN_S)
        until_s = self.world.now_s + QUIET_S

        def is_quiet() -> bool:
            return self.world.now_s > max(until_s, self.opened_s + QUIET_S) and self._is_healthy()

        healthy = self.world.run(is_quiet, until_s + DRAIN_S)
        self.is_ending = True
        for host in self.hosts:
            host.stop()
        ended = self.world.run(lambda: not any(host.platform.is_alive for host in self.hosts), until_s + 2 * DRAIN_S)
        if not (healthy and ended):
            self.wrong.append(f"hosts do not end: healthy={healthy} ended={ended}")

    def _is_healthy(self) -> bool:
        hosts_well = all(
            host.platform.is_alive and not host.platform.is_frozen and host.road.is_open for host in self.hosts
        )
        return (
            hosts_well and self.server.is_up and not self.server.is_frozen and all(bot.enabled for bot, _ in self.bots)
        )

    def _close(self) -> None:
        for loop in self.loops:
            loop.close_all()
        for green in self.greens:
            green.close()

    # People.

    def _post_later(self, said: Said) -> None:
        def post() -> None:
            process.sleep(said.at_s)
            self._post(said, process)

        process = GreenProcess(self.world, f"post {said.event_id}", post)
        self.greens.append(process)
        process.start()

    def _post(self, said: Said, process: GreenProcess) -> None:
        """Be VK: post an event until somebody says ok, and now and then once more."""
        dice = self.dice_of(process.name)
        client: Any = SyncClient(Road(self.server, dice, is_calm=self.schedule.is_calm), process)
        bot = self.bots[said.bot][0]
        event, version, told = self._event(said, bot), 1, False
        self.vk.people_wrote(bot.group_id, said.peer_id)
        while True:
            try:
                outcome = accept(client, bot.name, event, version, INBOX_MAX)
                if outcome is Outcome.STALE:
                    version = int(client.get(keys.BOTS_VERSION))
                    continue
            except (redis.ConnectionError, redis.TimeoutError):
                process.sleep(0.2 + dice.random())
                continue
            if not told:
                told, self.promised = True, self.promised + 1
                if dice.random() < 0.1:
                    process.sleep(dice.random() * 3)
                    continue
            return

    def _event(self, said: Said, bot: Bot) -> Event:
        mention = f"[club{bot.group_id}|@b] " if said.peer_id == CHAT else ""
        message = {
            "peer_id": said.peer_id,
            "from_id": said.from_id,
            "conversation_message_id": said.cmid,
            "text": mention + said.answer,
            "out": 0,
            "date": int(EPOCH_S + self.world.now_s),
        }
        body: dict[str, Any] = {"message": message} if said.kind == "message" else {"user_id": said.from_id}
        envelope = {"type": f"message_{'new' if said.kind == 'message' else 'allow'}", "event_id": said.event_id}
        whole = codec.dumps({**envelope, "group_id": bot.group_id, "object": body})
        return Event(bot.group_id, said.event_id, envelope["type"], said.peer_id, said.cmid, said.from_id, whole)

    # What breaks.

    def _trigger(self, script: str, nth: int, edge: str, host: Host | None) -> str:
        if script == "lane_open":
            self.opened_s = self.world.now_s
        faults = None if self.is_ending else self._triggers.get((script, nth, edge))
        result = ""
        for fault in faults or ():
            self.tell(f"{edge} {script} {nth}: {fault.what} for {fault.for_s} s")
            result = self._act(fault, host) or result
        return result

    def _act(self, fault: Fault, host: Host | None) -> str:
        """Break something; ``cut`` tells that the exchange under way has no answer."""
        if self.is_ending:
            return ""
        if fault.what == "cut":
            return "cut"
        if fault.what == "kill redis":
            self.server.kill(fault.for_s)
            return "cut"
        if fault.what == "freeze redis":
            self.server.freeze(fault.for_s)
        elif fault.what == "turn clock":
            self.server.ahead_s += fault.for_s - 1.5
        elif fault.what == "stop bot":
            self._enable(False)
            self.world.after(fault.for_s, self._enable, True)
        elif host is not None:
            host.hurt(fault.what, fault.for_s)
        return ""

    def _enable(self, enabled: bool) -> None:
        """Change the first bot, and tell all who care."""
        bot, config = self.bots[0]
        self.bots[0] = (Bot(**{**{name: getattr(bot, name) for name in bot.__slots__}, "enabled": enabled}), config)
        self.server.memory.execute(("INCR", keys.BOTS_VERSION))
        self.server.memory.execute(("PUBLISH", keys.BOTS_CHANGED, ""))
        self.tell(f"{bot.name} enabled={enabled}")

    # What is noted.

    def begins(self, worker: WorkerProcess, job: Job) -> dict[str, list[Trouble]]:
        """Note that a worker begins a job; returns its troubles by step."""
        self.starts[job.event_id] += 1
        self.begun_s.setdefault(job.event_id, self.world.now_s)
        self.tell(f"{worker.name}: job {job.event_id} attempt {job.attempt}{' repeat' if job.is_repeat else ''}")
        if self.holds_lane(job):
            self._check_alone(worker, job)
        if job.attempt > self.schedule.attempts:
            self.wrong.append(f"{job.event_id}: attempt {job.attempt} was begun")
        counted = self.starts[job.event_id] - self.outages[job.event_id]
        if counted > self.schedule.attempts and self.schedule.batch == 1:  # what was composed may be given back
            self.wrong.append(f"{job.event_id}: {counted} jobs that count were begun")
        troubles: dict[str, list[Trouble]] = defaultdict(list)
        for trouble in self._troubles_of(job.event_id):
            troubles[trouble.step].append(trouble)
        return troubles

    def ends(self, job: Job, verdict: Verdict) -> None:
        self.tell(f"verdict on {job.event_id}: {verdict.outcome} {verdict.reason or ''}")
        self.outages[job.event_id] += verdict.outage

    def composed(self, job: Job, end: dict[str, Any]) -> None:
        """Note what became of one event of a list."""
        self.tell(f"composed {job.event_id}: {end['verdict']} {end.get('reason') or ''}")
        self.outages[job.event_id] += bool(end.get("outage"))

    def sends(self, worker: WorkerProcess, job: BatchJob) -> dict[str, list[Trouble]]:
        """Note that a worker begins a batch; returns what happens to it: the troubles of all who have a part in it."""
        events = [self._events[keys.inbox(job.job.bot.name).encode(), one.entry.encode()] for one in job.sendings]
        self.tell(f"{worker.name}: batch of {' '.join(events)}")
        self.batches += 1
        troubles: dict[str, list[Trouble]] = defaultdict(list)
        for event, one in zip(events, job.sendings, strict=True):
            for trouble in self._troubles_of(event):
                if trouble.what.startswith("code "):
                    self._refusals[one.random_id] = int(trouble.what.removeprefix("code "))
                elif trouble.step in ("send", "sent", "verdict"):
                    troubles[trouble.step].append(trouble)
        return troubles

    def refusal(self, random_id: int) -> int:
        """Return the error that VK has for one part of a batch, once; 0: none."""
        return self._refusals.pop(random_id, 0)

    def _troubles_of(self, event_id: str) -> list[Trouble]:
        troubles = self.said[event_id].troubles
        return [trouble for trouble in troubles if trouble.start == self.starts[event_id]]

    def is_honest(self, job: Job | None) -> bool:
        """Say whether a job has the right to a request now: its lease is valid, its deadline is not over."""
        return job is not None and job.left_s() > 0 and self.holds_lane(job)

    def holds_lane(self, job: Job) -> bool:
        """Say whether a job's lease is valid now."""
        held = self.server.memory.execute(("GET", job.lease_key))
        return held is not None and held.decode() == job.lease_value

    def _check_alone(self, worker: WorkerProcess, job: Job) -> None:
        mine = self.said[job.event_id]
        for host in self.hosts:
            for other in host.workers:
                if other is worker or not other.is_alive:
                    continue
                for beside in filter(self.holds_lane, other.events):
                    theirs = self.said[beside.event_id]
                    if (theirs.bot, theirs.peer_id) == (mine.bot, mine.peer_id):
                        self.wrong.append(f"{job.event_id} was begun beside {beside.event_id} of its conversation")

    def _added(self, key: bytes, entry: bytes, words: list[bytes]) -> None:
        if key.startswith(b"inbox:"):
            event_id = words[words.index(b"i") + 1].decode()
            self.accepted.append(event_id)
            self.accepted_s[event_id] = self.world.now_s
            self._events[key, entry] = event_id
            self.tell(f"accepted {event_id} as {entry.decode()}")
        else:
            self.tell(f"{key.decode()}: {b' '.join(words)[:200].decode()}")

    def _removed(self, key: bytes, entry: bytes) -> None:
        if key.startswith(b"inbox:"):
            self.settled.append(self._events[key, entry])


def _bot(number: int) -> tuple[Bot, BotConfig]:
    bot = Bot(f"b{number}", number + 1, 100 + number, BASE, 3 + number, True, "title", "")
    return bot, BotConfig(1, Secret("token"), Secret("s"), Secret("c"))


def _settings(schedule: Schedule, settings: Settings) -> Settings:
    lanes = {
        "attempts": schedule.attempts,
        "lease_s": schedule.lease_s,
        "conversation_max": schedule.conversation_max,
        "answer_max_age_s": schedule.max_age_s,
    }
    pool = {"workers": schedule.workers, "deadline_s": schedule.deadline_s}
    return settings.model_copy(
        update={
            "lanes": settings.lanes.model_copy(update=lanes),
            "engine": settings.engine.model_copy(update=pool),
            "vk": settings.vk.model_copy(update={"requests_per_s": schedule.per_second, "batch": schedule.batch}),
        }
    )


class _Errors(logging.Handler):
    """Takes what our code logs as an error: nothing that the world does may be one."""

    def __init__(self, world: World) -> None:
        super().__init__(logging.ERROR)
        self._world = world

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else ""
        self._world.faults.append(f"logged: {record.getMessage()} {error!r}")


@contextlib.contextmanager
def _quiet(stage: Stage) -> Iterator[None]:
    """Collect errors from the log, say nothing else."""
    handler, level = _Errors(stage.world), logging.root.manager.disable
    logging.disable(logging.WARNING)
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
        logging.disable(level)
