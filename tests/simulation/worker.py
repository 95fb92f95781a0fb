"""Engine workers of the virtual world: our engine's own handling of a job, on virtual Redis and VK, with its troubles.

``SimPool`` is our own pool, with such workers in place of processes behind sockets.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from db import codec
from db.protocol import CommandResult
from engine.batch import send_batch
from engine.compose import compose
from engine.desk import open_desk
from engine.handle import handle
from engine.job import BatchJob, ComposeJob, Job, parse_job
from engine.matching.book import AnswerRow
from engine.matching.build import build_arrays
from engine.matching.layers import LayeredIndex
from engine.matching.segment import Segment
from engine.verdict import Verdict
from engine.vk.client import VkClient
from engine.vk.errors import VkError, VkUnavailable
from engine.vk.heard import Heard
from server.dispatcher.pool import LINE_MAX, Pool, Worker
from server.dispatcher.saying import Saying
from tests.simulation.clients import SyncClient
from tests.simulation.green import GreenProcess

if TYPE_CHECKING:
    from tests.simulation.host import Host

HANG_S = 1e6
_SEND = "messages.send"
_CALL = re.compile(r"API\.messages\.send\((\{.*?\})\)")
_LONG = "re two " + "a" * 4085 + " " + "b" * 9  # two messages of VK's


def _index(rows: list[AnswerRow]) -> LayeredIndex:
    return LayeredIndex(Segment(build_arrays(rows)))


_BEFORE = _index([AnswerRow(1, "one", "re one"), AnswerRow(2, "two", _LONG), AnswerRow(3, "farewell", "re farewell")])
_AFTER = _index(
    [AnswerRow(1, "one", "re one again"), AnswerRow(2, "two", "re 2"), AnswerRow(4, "tomorrow", "re tomorrow")]
)


class WorkerProcess(GreenProcess):
    """Takes job lines one after the other, and ends when it is told to or in trouble."""

    def __init__(self, host: Host, pid: int, skew_s: float) -> None:
        super().__init__(host.stage.world, f"{host.name} worker {pid}", self._serve, skew_s)
        self.host, self.pid = host, pid
        self.reader = asyncio.StreamReader(limit=LINE_MAX, loop=host.platform)
        self.job: Job | None = None  # what it is at, until its verdict is said
        self.events: list[Job] = []  # that it decides about: several, when it composes
        self._platform = host.platform
        self._dice = host.stage.dice_of(self.name)
        self._lines: deque[bytes | None] = deque()
        self._is_idle = False
        self._troubles: dict[str, list[Any]] = {}
        self._client = SyncClient(host.road, self, self.step)

    # Its ends, as the platform has them.

    def feed(self, line: bytes | None) -> None:
        """Take a line of the platform's; None is the end of its socket."""
        self._lines.append(line)
        if self._is_idle:
            self._is_idle = False
            self.wake()

    def kill(self) -> None:
        if self.is_alive:
            super().kill()
            self.world.after(0.0005, self._platform.is_readable, -self.pid)
            self._platform.call_soon(self.reader.feed_eof)

    # What it does.

    def step(self, name: str) -> str:
        """Meet what the schedule has for this moment; what VK is to do is returned."""
        troubles = self._troubles.get(name)
        if not troubles:
            return ""
        trouble = troubles.pop(0)
        self.host.stage.tell(f"{self.name}: {trouble.what} at {name} of {self.job.event_id if self.job else ''}")
        if trouble.what == "die":
            self.die()
        elif trouble.what == "hang":
            self.sleep(HANG_S)
        elif trouble.what == "pause":
            self.sleep(trouble.for_s)
        elif trouble.what in ("sleep host", "kill host", "freeze platform"):
            self.host.hurt(trouble.what, trouble.for_s)
            self.sleep(0.001)
        else:
            return str(trouble.what)
        return ""

    def travel(self) -> None:
        """Let a request be on its way to VK, or its answer."""
        self.sleep(0.01 + self._dice.random() * 0.05)

    def _serve(self) -> None:
        self.sleep(0.01)
        while True:
            while not self._lines:
                self._is_idle = True
                self.wait()
            line = self._lines.popleft()
            if line is None:
                self.kill()
                return
            self._handle(line)

    def _handle(self, line: bytes) -> None:
        job = parse_job(line)
        match job:
            case ComposeJob():
                verdict = self._compose(job)
            case BatchJob():
                verdict = self._send_batch(job)
            case _:
                assert isinstance(job, Job)
                self._begin(job)
                verdict = handle(open_desk(job, self._stores(job), self._ask))  # type: ignore[arg-type]
                self.host.stage.ends(job, verdict)
        said = codec.dumps(verdict.as_message(job.id))
        if self.step("verdict") == "junk":
            said = b"{no json"
        self.job, self.events = None, []
        self._say(said)

    def _begin(self, job: Job) -> None:
        """Meet what is to happen while this worker is about one event."""
        self.job = job
        self.events.append(job)
        self._troubles = self.host.stage.begins(self, job)
        self.step("job")

    def _compose(self, job: ComposeJob) -> Verdict:
        def tell(item: Job) -> None:
            self._say(codec.dumps({"job": job.id, "begun": item.entry}))
            self._begin(item)

        verdict = compose(job, self._stores(job.jobs[0]), lambda item: self._ask, tell)  # type: ignore[arg-type]
        for item, end in zip(job.jobs, verdict.items, strict=False):
            self.host.stage.composed(item, end)
        return verdict

    def _send_batch(self, job: BatchJob) -> Verdict:
        self.job = job.job
        self._troubles = self.host.stage.sends(self, job)
        return send_batch(job, self._stores(job.job))  # type: ignore[arg-type]

    def _say(self, line: bytes) -> None:
        self._platform.call_soon(self.reader.feed_data, line + b"\n")

    def _stores(self, job: Job) -> Any:
        """Return what ``engine.desk.Stores`` is: connections of one worker."""
        stage = self.host.stage
        index = _BEFORE if self.world.now_s < stage.schedule.changed_s else _AFTER
        return SimpleNamespace(
            settings=stage.settings,
            redis=self._client,
            base=None,
            bot_redis=lambda db: SyncClient(self.host.road, self, db=db),
            library=SimpleNamespace(index=lambda base, wanted: index),
            people=_People(),
            session=SimpleNamespace(timeout_s=0.0, process=self, group_id=job.bot.group_id),
        )

    def _ask(self, line: str) -> CommandResult:
        raise AssertionError("nothing asks")


class _People:
    """Knows nobody, without a base; VK is asked once for each job's person."""

    def known(self, base: str, account_id: int) -> None:
        return None

    def is_old(self, person: dict[str, str]) -> bool:
        return False

    def ask_vk_all(
        self, call: Callable[..., Any], base: str, people: dict[int, dict[str, str]]
    ) -> dict[int, dict[str, str]]:
        call("users.get", user_ids=",".join(map(str, people)))
        return {account: {**person, "fi_name": "Anna", "la_name": "K"} for account, person in people.items()}

    def ask_vk(self, vk: VkClient, base: str, account_id: int, person: dict[str, str]) -> dict[str, str] | None:
        try:
            return {**person, "fi_name": vk.call("users.get", user_ids=account_id)[0]["first_name"], "la_name": "K"}
        except (VkError, VkUnavailable):
            return None


class VirtualVk:
    """Stands for ``engine.vk.client.VkClient``: the way to the recorder, and what VK does on a bad day."""

    def __init__(self, session: Any, token: str) -> None:
        self._process: WorkerProcess = session.process
        self._group_id: int = session.group_id
        self.heard = Heard()

    def call(self, method: str, **values: Any) -> Any:
        try:
            answer = self._call(method, values)
        except (VkError, VkUnavailable) as error:
            self.heard.failed(method, error)
            raise
        self.heard.answered(method)
        return answer

    def execute(self, code: str) -> tuple[list[Any], list[Any]]:
        """Be asked for several sends at once: one request, of which each may fail alone."""
        process, stage = self._process, self._process.host.stage
        calls = [codec.loads(call) for call in _CALL.findall(code)]
        try:
            _raise(process.step("send"))
            process.travel()
            refused = [stage.refusal(call["random_id"]) for call in calls]
            answers = stage.vk.take_all(self._group_id, calls, refused, honest=stage.is_honest(process.job))
            process.travel()
            _raise(process.step("sent"))
        except (VkError, VkUnavailable) as error:
            self.heard.failed("execute", error)
            raise
        self.heard.answered("execute")
        errors = [{"method": _SEND, "error_code": code, "error_msg": "told to"} for code in refused if code]
        return answers, errors

    def _call(self, method: str, values: dict[str, Any]) -> Any:
        process, stage = self._process, self._process.host.stage
        is_send = method == _SEND
        if is_send:
            _raise(process.step("send"))
        process.travel()
        answer = stage.vk.take(self._group_id, method, values, honest=stage.is_honest(process.job))
        process.travel()
        if is_send:
            _raise(process.step("sent"))
        return answer


def _raise(trouble: str) -> None:
    if trouble in ("lost", "broken"):
        raise VkUnavailable("no answer", is_broken=trouble == "broken")
    if trouble.startswith("code "):
        raise VkError(int(trouble.removeprefix("code ")), "told to")


class SimWorker(Worker):
    """The platform's side of a worker. The process' end is told by a descriptor below 0."""

    def __init__(
        self, process: WorkerProcess, jobs_max: int, on_end: Callable[[], None], may_lag: Callable[[], bool]
    ) -> None:
        self._process = process
        started: Any = SimpleNamespace(pid=process.pid, pidfd=-process.pid, how_ended=_how_ended)
        saying = Saying(None, lambda line: None)
        super().__init__(started, process.reader, _Writer(process), jobs_max, saying, on_end, may_lag)  # type: ignore[arg-type]

    def __hash__(self) -> int:
        return self.pid

    def _signal(self, number: int) -> None:
        self._process.kill()

    def _on_end(self) -> None:
        self._ended.set()
        self._on_worker_end()
        self.retire()


async def _how_ended() -> str:
    return "killed"


class SimPool(Pool):
    def __init__(self, host: Host, size: int) -> None:
        super().__init__(host, size, jobs_per_worker=5)  # type: ignore[arg-type]

    async def _open(self, started: Any) -> Worker:
        return SimWorker(started, self._jobs_per_worker, self._on_end, self._may_lag)


class _Writer:
    """The job socket as asyncio's stream writers are."""

    def __init__(self, process: WorkerProcess) -> None:
        self._process = process

    def write(self, data: bytes) -> None:
        self._process.world.after(0.0003, self._process.feed, data)

    async def drain(self) -> None:
        return

    def close(self) -> None:
        self._process.world.after(0.0003, self._process.feed, None)
