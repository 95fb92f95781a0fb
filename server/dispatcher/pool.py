"""The engine workers: warm, handed out one job at a time, killed at the deadline, replaced when they end or are worn.

What a job and a verdict mean belongs to the lane; here they are lines on a socket.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import time
from collections.abc import Awaitable, Callable
from typing import Any

from db import codec
from db.errors import BadJson
from db.protocol import ProcessInfo
from server.dispatcher.limits import Limits
from server.dispatcher.saying import Saying
from server.dispatcher.sources import NEVER_RAN, NoWorker, Started, WorkerSource, ZygoteDown
from server.dispatcher.starts import Starts
from server.dispatcher.verdicts import BadVerdict, Verdict, parse_verdict

LINE_MAX = 4 << 20  # bytes of one line from a worker; a longer one ends it
LINES_MAX = 10_000  # from a worker for one job; one more ends it
KILL_S = 2.0  # for a killed process to be gone
SPEAK_S = 0.2  # at the deadline, for a worker to say on stderr where it is
LAST_LINE_S = 0.1  # for what a worker wrote just before its end; a child of it may hold the socket open
LAG_S = 1.0  # a job that takes longer has another worker put into its worker's seat
YOUNG_S = 1.0  # a worker that ends sooner counts as one that could not start
PROOF_S = 0.5  # that a worker must live before its first job, while others could not be started
START_PAUSE_S, START_PAUSE_MOST_S = 0.05, 5.0

Ask = dict[str, Any]
OnAsk = Callable[[Ask], Awaitable[dict[str, Any]]]
OnBegun = Callable[[str], None]  # which of a job's several entries a worker begins with

log = logging.getLogger(__name__)


class WorkerDied(Exception):
    """A worker ended, or broke the protocol, before its verdict; ``last_words`` is what it wrote during the job."""

    def __init__(self, reason: str, last_words: str = "") -> None:
        super().__init__(reason)
        self.last_words = last_words


class NeverRan(WorkerDied):
    """The worker's program could not be started: the job is as if it had not been handed out."""


class DeadlineMissed(WorkerDied):
    """A worker took too long, and was killed."""


class Worker:
    """One running worker. ``gone`` is set when it takes no more jobs; the pool then replaces it."""

    def __init__(
        self,
        started: Started,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        jobs_max: int,
        saying: Saying,
        on_end: Callable[[], None],
        may_lag: Callable[[], bool],
    ) -> None:
        self.pid = started.pid
        self.gone = asyncio.Event()
        self.left_seat = asyncio.Event()  # gone, or so long at its job that another has its seat
        self.lags = False
        self.jobs = self.verdicts = 0
        self.failure = ""  # why its last job has no verdict
        self._ended = asyncio.Event()  # the process itself
        self._pidfd, self._how_ended = started.pidfd, started.how_ended
        self._reader, self._writer = reader, writer
        self._jobs_max = jobs_max
        self._saying = saying
        self._on_worker_end = on_end
        self._may_lag = may_lag
        self._is_busy = False
        asyncio.get_running_loop().add_reader(self._pidfd, self._on_end)

    async def run(
        self, job: dict[str, Any], deadline_s: float, on_ask: OnAsk, on_begun: OnBegun = lambda entry: None
    ) -> Verdict:
        """Return the verdict on one job. After ``WorkerDied``, ``DeadlineMissed`` or a cancel the process is dead."""
        self.jobs += 1
        self._is_busy = True
        self._saying.begin(str(job.get("token") or ""))
        self._watching = asyncio.get_running_loop().call_later(LAG_S, self._leave_seat)
        try:
            async with asyncio.timeout(deadline_s):
                self._writer.write(codec.dumps(job) + b"\n")
                await self._writer.drain()
                verdict = await self._verdict(str(job["job"]), on_ask, on_begun)
        except TimeoutError:
            await self._let_speak()
            await self._destroy()
            raise self._missed(deadline_s) from None
        except (OSError, EOFError, BadVerdict, BadJson, ValueError) as error:
            # readline says ValueError to a line above the limit.
            is_end = isinstance(error, (OSError, EOFError))
            if not is_end:
                self.failure = f"broke the protocol: {error}"  # before its end tells of our kill alone
            has_ended = is_end and await self.wait_ended(LAST_LINE_S)
            await self._destroy()
            if not is_end:
                raise self._died(f"broke the protocol: {error}") from None
            how = await self._how_ended() if has_ended else "it closed its socket"
            raise self._died(f"ended without a verdict: {how}", never_ran=how in NEVER_RAN) from None
        except BaseException:
            self.kill()
            raise
        finally:
            self._watching.cancel()
            self._is_busy = False
        self.verdicts += 1
        if self.lags or self.jobs >= self._jobs_max or verdict.raw.get("retire") is True:
            self.retire()
        return verdict

    def retire(self) -> None:
        """Let it end by itself: it sees its socket close."""
        if not self.gone.is_set():
            self.gone.set()
            self.left_seat.set()
            self._writer.close()

    def kill(self) -> None:
        """End the process at once."""
        self._signal(signal.SIGKILL)
        self.retire()

    async def wait_ended(self, timeout_s: float) -> bool:
        """Return whether the process is gone within ``timeout_s``."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._ended.wait()
        except TimeoutError:
            return False
        return True

    async def obituary(self) -> str:
        """Return why it ended, and its last line. It has ended."""
        words = self._saying.finish().strip().splitlines()[-1:]
        how = self.failure or await self._how_ended() or "ended"
        return f"{how}; its last words: {words[0][:300]}" if words else how

    def _leave_seat(self) -> None:
        """Let another worker have this one's seat, if there may be one more; this one ends after its job."""
        if self._ended.is_set():
            return
        if self._may_lag():
            self.lags = True
            self.left_seat.set()
        else:
            self._watching = asyncio.get_running_loop().call_later(LAG_S, self._leave_seat)

    def _signal(self, number: int) -> None:
        if not self._ended.is_set():
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, number)

    async def _let_speak(self) -> None:
        """Ask where it is: at SIGABRT most runtimes write their stack and end."""
        self._saying.hear_out()
        self._signal(signal.SIGABRT)
        await self.wait_ended(SPEAK_S)

    async def _destroy(self) -> None:
        """Kill it and see it dead, so that the next attempt never runs beside this one."""
        self.kill()
        if not await self.wait_ended(KILL_S):
            log.error("worker does not die pid=%d waited_s=%.1f", self.pid, KILL_S)

    def _missed(self, deadline_s: float) -> DeadlineMissed:
        self.failure = f"no verdict within {deadline_s:g} s; worker {self.pid} was killed"
        return DeadlineMissed(self.failure, self._saying.finish())

    def _died(self, reason: str, *, never_ran: bool = False) -> WorkerDied:
        self.failure = f"worker {self.pid} {reason}"
        return (NeverRan if never_ran else WorkerDied)(self.failure, self._saying.finish())

    async def _verdict(self, job_id: str, on_ask: OnAsk, on_begun: OnBegun) -> Verdict:
        for _ in range(LINES_MAX):
            line = await self._reader.readline()
            if not line.endswith(b"\n"):
                raise EOFError
            message = codec.loads(line)
            if not isinstance(message, dict) or message.get("job") != job_id:
                raise BadVerdict("a line that is not of its job")
            if "verdict" in message:
                return parse_verdict(message)
            if isinstance(message.get("ask"), dict):
                answer = await on_ask(message["ask"])
                self._writer.write(codec.dumps({"answer": answer}) + b"\n")
                await self._writer.drain()
            elif isinstance(message.get("begun"), str):
                on_begun(message["begun"])
            elif isinstance(message.get("log"), dict):
                self._saying.say(str(message["log"].get("level")), str(message["log"].get("text")))
            else:
                raise BadVerdict("a line that is neither verdict, log, begun nor ask")
        raise BadVerdict(f"more than {LINES_MAX} lines for one job")

    def _on_end(self) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        self._ended.set()
        self._on_worker_end()
        if self._is_busy:
            loop.call_later(LAST_LINE_S, self.retire)
        else:
            self.retire()


class WorkerHandle:
    """A worker on loan, for one job at most."""

    def __init__(self, worker: Worker, give_back: Callable[[Worker], None]) -> None:
        self._worker = worker
        self._give_back: Callable[[Worker], None] | None = give_back
        self.on_release: Callable[[], None] | None = None

    @property
    def pid(self) -> int:
        return self._worker.pid

    async def run(
        self, job: dict[str, Any], deadline_s: float, on_ask: OnAsk, on_begun: OnBegun = lambda entry: None
    ) -> Verdict:
        """Return the verdict on the job; see ``Worker.run``."""
        assert self._give_back is not None, "the worker was given back"
        return await self._worker.run(job, deadline_s, on_ask, on_begun)

    def release(self) -> None:
        """End the loan, with a job done or without; again does nothing, for somebody else may have the worker now."""
        if self._give_back is not None:
            self._give_back(self._worker)
            self._give_back = None
            if self.on_release is not None:
                self.on_release()


class Pool:
    """Keeps ``size`` workers, and lends those that are free.

    While jobs take over ``LAG_S``, up to ``spares`` more work in their workers' stead. ``on_line`` gets each line that
    a worker writes; ``on_end`` is called when one has ended, and ``on_trouble`` when ``trouble`` has changed.
    """

    def __init__(
        self,
        source: WorkerSource,
        size: int,
        jobs_per_worker: int,
        *,
        limits: Limits | None = None,
        spares: int = 0,
        on_line: Callable[[str], None] = lambda _line: None,
        on_end: Callable[[], None] = lambda: None,
        on_trouble: Callable[[], None] = lambda: None,
    ) -> None:
        self._source = source
        self._size = size
        self._jobs_per_worker = jobs_per_worker
        self._limits = limits or Limits()
        self._spares = spares
        self._on_line, self._on_end, self._on_trouble = on_line, on_end, on_trouble
        self._workers: set[Worker] = set()
        self._free: list[Worker] = []
        self._some_free = asyncio.Event()
        self._seats: list[asyncio.Task[None]] = []
        self._starts = Starts()

    @property
    def size(self) -> int:
        return self._size

    @property
    def pids(self) -> list[int]:
        """The workers that live now."""
        return sorted(worker.pid for worker in self._workers)

    def trouble(self, kind: str, name: str) -> ProcessInfo | None:
        """Return why workers are missing, or do nothing, as a process that does not run; None when all is well."""
        self._note(self._starts.calmed(time.monotonic(), len(self._workers) >= self._size))
        return self._starts.info(kind, name)

    def start(self) -> None:
        """Start the workers, and go on replacing them. Returns at once."""
        loop = asyncio.get_running_loop()
        self._seats = [loop.create_task(self._keep_seat()) for _ in range(self._size)]

    async def stop(self) -> None:
        """Kill all workers and see them dead."""
        for seat in self._seats:
            seat.cancel()
        await asyncio.gather(*self._seats, return_exceptions=True)
        workers = list(self._workers)
        for worker in workers:
            worker.kill()
        await asyncio.gather(*(self._bury(worker) for worker in workers))
        self._workers.clear()

    async def acquire(self) -> WorkerHandle:
        """Return a free worker, the one used last: it is the warmest. Waits for one."""
        while True:
            while self._free:
                worker = self._free.pop()
                if not worker.gone.is_set():
                    return WorkerHandle(worker, self._give_back)
            self._some_free.clear()
            await self._some_free.wait()

    def _give_back(self, worker: Worker) -> None:
        if worker.verdicts:
            self._note(self._starts.worked())
        if not worker.gone.is_set():
            # One that has done nothing yet comes last: its first job finds no connections and no phrases in place.
            self._free.insert(len(self._free) if worker.verdicts else 0, worker)
            self._some_free.set()

    async def _keep_seat(self) -> None:
        """Fill one seat, again and again, more slowly while workers cannot be started or end by themselves at once."""
        pause_s = 0.0
        while True:
            await asyncio.sleep(pause_s)
            started_s, worker = time.monotonic(), None
            try:
                worker = await self._open(await self._source.start_worker())
            except ZygoteDown:
                log.debug("no engine worker: the zygote is not running")
            except NoWorker as error:
                self._note_failure(str(error))
            except Exception:
                log.exception("an engine worker could not be started")
            else:
                await self._stay(worker)
            is_young = time.monotonic() - started_s < YOUNG_S and not self._died_of_its_job(worker)
            pause_s = min(max(pause_s * 2, START_PAUSE_S), START_PAUSE_MOST_S) if is_young else 0.0

    def _died_of_its_job(self, worker: Worker | None) -> bool:
        """Say whether a message is to blame, which must not keep others waiting for the next worker."""
        return worker is not None and worker.jobs > 0 and self._starts.has_worked

    async def _stay(self, worker: Worker) -> None:
        self._workers.add(worker)
        if not self._starts.failures or not await worker.wait_ended(PROOF_S):
            self._give_back(worker)
        await worker.left_seat.wait()
        # A worker that was told to end has a moment; the next one does not wait for it.
        task = asyncio.get_running_loop().create_task(self._see_off(worker))
        task.add_done_callback(lambda _: self._workers.discard(worker))

    def _may_lag(self) -> bool:
        return sum(worker.lags and not worker.gone.is_set() for worker in self._workers) < self._spares

    async def _see_off(self, worker: Worker) -> None:
        await worker.gone.wait()
        if not await worker.wait_ended(KILL_S):
            worker.kill()
        why = await self._bury(worker)
        if not worker.jobs:
            self._note_failure(why)
        elif not worker.verdicts:
            self._note(self._starts.died_at_work(why, time.monotonic()))

    async def _bury(self, worker: Worker) -> str:
        """Return why a worker ended, when it has."""
        await worker.wait_ended(KILL_S)
        return await worker.obituary()

    def _note_failure(self, reason: str) -> None:
        self._note(self._starts.failed(reason, time.monotonic()))

    def _note(self, starts: Starts) -> None:
        if starts == self._starts:
            return
        before, self._starts = self._starts, starts
        count = starts.failures
        if count > before.failures and count & (count - 1) == 0:  # each time it has doubled
            log.warning("no engine worker failures=%d reason=%s", count, starts.reason)
        if starts.failures != before.failures:
            self._on_trouble()

    async def _open(self, started: Started) -> Worker:
        self._limits.put_on(started.pid)
        reader, writer = await asyncio.open_connection(sock=started.job_socket, limit=LINE_MAX)
        saying = Saying(started.output, self._on_line)
        return Worker(started, reader, writer, self._jobs_per_worker, saying, self._on_end, self._may_lag)
