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
from server.dispatcher.sources import NoWorker, Started, WorkerSource
from server.dispatcher.verdicts import BadVerdict, Verdict, parse_verdict

LINE_MAX = 4 << 20  # bytes of one line from a worker; a longer one ends it
KILL_S = 2.0  # for a killed process to be gone
YOUNG_S = 1.0  # a worker that ends sooner counts as one that could not start
START_PAUSE_S, START_PAUSE_MOST_S = 0.05, 5.0

Ask = dict[str, Any]
OnAsk = Callable[[Ask], Awaitable[dict[str, Any]]]
OnBegun = Callable[[str], None]  # which of a job's several entries a worker begins with

log = logging.getLogger(__name__)


class WorkerDied(Exception):
    """A worker ended, or broke the protocol, before its verdict."""


class DeadlineMissed(Exception):
    """A worker took too long, and was killed."""


class Worker:
    """One running worker. ``gone`` is set when it takes no more jobs; the pool then replaces it."""

    def __init__(
        self,
        pid: int,
        pidfd: int,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        jobs_max: int,
    ) -> None:
        self.pid = pid
        self.gone = asyncio.Event()
        self._ended = asyncio.Event()  # the process itself
        self._pidfd = pidfd
        self._reader, self._writer = reader, writer
        self._jobs_left = jobs_max
        asyncio.get_running_loop().add_reader(pidfd, self._on_end)

    async def run(
        self, job: dict[str, Any], deadline_s: float, on_ask: OnAsk, on_begun: OnBegun = lambda entry: None
    ) -> Verdict:
        """Return the verdict on one job. After ``WorkerDied``, ``DeadlineMissed`` or a cancel the process is dead."""
        try:
            async with asyncio.timeout(deadline_s):
                self._writer.write(codec.dumps(job) + b"\n")
                await self._writer.drain()
                verdict = await self._verdict(str(job["job"]), on_ask, on_begun)
        except TimeoutError:
            await self._destroy()
            raise DeadlineMissed(f"no verdict within {deadline_s:g} s; worker {self.pid} was killed") from None
        except (OSError, EOFError, BadVerdict, BadJson, ValueError) as error:
            # readline says ValueError to a line above the limit.
            await self._destroy()
            reason = (
                "ended without a verdict" if isinstance(error, (OSError, EOFError)) else f"broke the protocol: {error}"
            )
            raise WorkerDied(f"worker {self.pid} {reason}") from None
        except BaseException:
            self.kill()
            raise
        self._jobs_left -= 1
        if self._jobs_left <= 0 or verdict.raw.get("retire") is True:
            self.retire()
        return verdict

    def retire(self) -> None:
        """Let it end by itself: it sees its socket close."""
        if not self.gone.is_set():
            self.gone.set()
            self._writer.close()

    def kill(self) -> None:
        """End the process at once."""
        if not self._ended.is_set():
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        self.retire()

    async def wait_ended(self, timeout_s: float) -> bool:
        """Return whether the process is gone within ``timeout_s``."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._ended.wait()
        except TimeoutError:
            return False
        return True

    async def _destroy(self) -> None:
        """Kill it and see it dead, so that the next attempt never runs beside this one."""
        self.kill()
        if not await self.wait_ended(KILL_S):
            log.error("worker does not die pid=%d waited_s=%.1f", self.pid, KILL_S)

    async def _verdict(self, job_id: str, on_ask: OnAsk, on_begun: OnBegun) -> Verdict:
        while True:
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
                log.info("worker says pid=%d job=%s text=%s", self.pid, job_id, str(message["log"].get("text"))[:1000])
            else:
                raise BadVerdict("a line that is neither verdict, log, begun nor ask")

    def _on_end(self) -> None:
        asyncio.get_running_loop().remove_reader(self._pidfd)
        os.close(self._pidfd)
        self._ended.set()
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
    """Keeps ``size`` workers, and lends those that are free."""

    def __init__(self, source: WorkerSource, size: int, jobs_per_worker: int) -> None:
        self._source = source
        self._size = size
        self._jobs_per_worker = jobs_per_worker
        self._workers: set[Worker] = set()
        self._free: list[Worker] = []
        self._some_free = asyncio.Event()
        self._seats: list[asyncio.Task[None]] = []

    @property
    def size(self) -> int:
        return self._size

    @property
    def pids(self) -> list[int]:
        """The workers that live now."""
        return sorted(worker.pid for worker in self._workers)

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
        await asyncio.gather(*(worker.wait_ended(KILL_S) for worker in workers))
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
        if not worker.gone.is_set():
            self._free.append(worker)
            self._some_free.set()

    async def _keep_seat(self) -> None:
        """Fill one seat, again and again, more slowly while workers cannot be started or end at once."""
        pause_s = 0.0
        while True:
            await asyncio.sleep(pause_s)
            started_s = time.monotonic()
            try:
                worker = await self._open(await self._source.start_worker())
            except NoWorker as error:
                if pause_s in (0.0, START_PAUSE_MOST_S):
                    log.warning("no engine worker reason=%s", error)
            except Exception:
                log.exception("an engine worker could not be started")
            else:
                await self._stay(worker)
            is_young = time.monotonic() - started_s < YOUNG_S
            pause_s = min(max(pause_s * 2, START_PAUSE_S), START_PAUSE_MOST_S) if is_young else 0.0

    async def _stay(self, worker: Worker) -> None:
        self._workers.add(worker)
        self._give_back(worker)
        await worker.gone.wait()
        # A worker that was told to end has a moment; the next one does not wait for it.
        task = asyncio.get_running_loop().create_task(self._see_off(worker))
        task.add_done_callback(lambda _: self._workers.discard(worker))

    async def _see_off(self, worker: Worker) -> None:
        if not await worker.wait_ended(KILL_S):
            worker.kill()
            await worker.wait_ended(KILL_S)

    async def _open(self, started: Started) -> Worker:
        job_socket, pid, pidfd = started
        reader, writer = await asyncio.open_connection(sock=job_socket, limit=LINE_MAX)
        return Worker(pid, pidfd, reader, writer, self._jobs_per_worker)
