"""Where engine workers come from: forked by the warm zygote, or any program that speaks the engine protocol."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from db import codec
from db.errors import BadJson, SaloError
from server.process import CONTROL_FD, Child, Exit, spawn

NEVER_RAN = ("exited with 126", "exited with 127")  # what the launching shell says of a program that it cannot start
ANSWER_S = 5.0  # for the zygote's answer to a fork
WARM_S = 60.0  # for its first: it loads everything before, and on a machine that is busy that takes long
ANSWER_MAX = 4096  # bytes of it
END_S = 0.5  # from a worker's end until it is known how
_DESCRIPTORS = 3  # of a forked worker: job socket, pidfd, output


class NoWorker(SaloError):
    """A worker could not be started now; the pool tries again."""


class ZygoteDown(NoWorker):
    """The zygote does not run: its keeper tells of that, and starts it."""


@dataclass(frozen=True, slots=True)
class Started:
    """A worker that was started. The socket and the descriptors belong to whoever gets this.

    ``output`` is the reading end of its stdout and stderr. ``how_ended`` is asked when it has ended, and says in
    words how: ``killed by SIGSEGV``; empty when nobody knows.
    """

    job_socket: socket.socket
    pid: int
    pidfd: int
    output: int | None
    how_ended: Callable[[], Awaitable[str]]


class WorkerSource(Protocol):
    """Starts one worker. Raises ``NoWorker``."""

    async def start_worker(self) -> Started: ...


class ZygoteSource:
    """Asks the engine's zygote to fork. Its control socket comes and goes with the zygote: ``attach`` each new one.

    The zygote also tells of each worker's end, which only its parent can know.
    """

    def __init__(self) -> None:
        self._control: socket.socket | None = None
        self._one_at_a_time = asyncio.Lock()
        self._answer: asyncio.Future[Started] | None = None
        self._is_warm = False
        self._ends: dict[int, asyncio.Future[str]] = {}  # of workers that live, by pid

    def attach(self, control: socket.socket) -> None:
        """Use the control socket of a zygote that was just started; it is ours from now on."""
        self.detach()
        control.setblocking(False)
        self._control, self._is_warm = control, False
        asyncio.get_running_loop().add_reader(control, self._on_readable)

    def detach(self) -> None:
        """Forget a zygote that ended."""
        if self._control is not None:
            asyncio.get_running_loop().remove_reader(self._control)
            self._control.close()
            self._control = None
            self._refuse("it closed its socket")
        for end in self._ends.values():
            end.set_result("killed with its zygote")
        self._ends.clear()

    async def start_worker(self) -> Started:
        async with self._one_at_a_time:
            control = self._control
            if control is None:
                raise ZygoteDown("the zygote is not running")
            loop = asyncio.get_running_loop()
            self._answer = loop.create_future()
            try:
                async with asyncio.timeout(ANSWER_S if self._is_warm else WARM_S):
                    await loop.sock_sendall(control, b"fork")
                    return await self._answer
            except (OSError, TimeoutError) as error:
                # An answer may still be on its way and would be taken for the next one's.
                if self._control is control:
                    self.detach()
                raise NoWorker(f"the zygote gave no worker: {str(error) or 'no answer'}") from None
            finally:
                self._answer = None

    def _on_readable(self) -> None:
        control = self._control
        if control is None:
            return
        message, descriptors = b"", list[int]()
        with contextlib.suppress(ConnectionResetError):
            try:
                message, descriptors, _flags, _address = socket.recv_fds(control, ANSWER_MAX, _DESCRIPTORS)
            except BlockingIOError:
                return
        try:
            self._take(message, descriptors)
        except (BadJson, OSError, KeyError, TypeError, ValueError) as error:
            for descriptor in descriptors:
                os.close(descriptor)
            self._refuse(str(error))
            self.detach()

    def _take(self, message: bytes, descriptors: list[int]) -> None:
        """Take one message: of a worker that ended, or the answer to a fork. Raises what shows a broken zygote."""
        if not message:
            raise OSError("it closed its socket")
        told = codec.loads(message)
        if "ended" in told:
            end = self._ends.pop(int(told["ended"]), None)
            if end is not None:
                end.set_result(str(exit_of(int(told["code"]))))
            return
        if len(descriptors) != _DESCRIPTORS:
            raise OSError(str(told.get("error") or "its answer lacks descriptors"))
        if self._answer is None or self._answer.done():
            raise OSError("an answer that nobody waits for")
        self._is_warm = True
        self._answer.set_result(self._started(int(told["pid"]), *descriptors))

    def _started(self, pid: int, job: int, pidfd: int, output: int) -> Started:
        end: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._ends[pid] = end
        return Started(socket.socket(fileno=job), pid, pidfd, output, lambda: _within(end))

    def _refuse(self, reason: str) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(OSError(reason))


class CommandSource:
    """Starts ``[engine] command``: any program that speaks the engine protocol on descriptor 3."""

    def __init__(self, argv: Sequence[str], env: Mapping[str, str]) -> None:
        self._argv = list(argv)
        self._env = dict(env)
        self._watchers: set[asyncio.Task[str]] = set()

    async def start_worker(self) -> Started:
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                child = spawn(self._argv, env=self._env, fds={CONTROL_FD: theirs.fileno()})
            except OSError as error:
                ours.close()
                raise NoWorker(f"{shlex.join(self._argv)}: {error}") from None
        pidfd = os.dup(child.pidfd)
        watcher = asyncio.get_running_loop().create_task(_reaped(child))
        self._watchers.add(watcher)
        watcher.add_done_callback(self._watchers.discard)
        return Started(ours, child.pid, pidfd, child.output, lambda: _within(watcher))


async def _reaped(child: Child) -> str:
    """Reap a child when it ends, its group with it, and say how it ended."""
    return str(await child.ended())


async def _within(end: asyncio.Future[Any]) -> str:
    try:
        async with asyncio.timeout(END_S):
            return str(await asyncio.shield(end))
    except TimeoutError:
        return ""


def exit_of(code: int) -> Exit:
    """Return the end that ``os.waitstatus_to_exitcode`` gives as a number."""
    return Exit(None, -code) if code < 0 else Exit(code, None)
