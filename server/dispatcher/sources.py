"""Where engine workers come from: forked by the warm zygote, or any program that speaks the engine protocol."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from db import codec
from db.errors import BadJson, SaloError
from server.process import CONTROL_FD, Child, spawn

ANSWER_S = 5.0  # for the zygote's answer to a fork
ANSWER_MAX = 4096  # bytes of it
LINE_MAX = 4096  # bytes of one line that a worker's program writes; the rest of it is dropped

log = logging.getLogger(__name__)

Started = tuple[socket.socket, int, int]  # our end of the job socket, pid, pidfd; both descriptors are the caller's


class NoWorker(SaloError):
    """A worker could not be started now; the pool tries again."""


class WorkerSource(Protocol):
    """Starts one worker. Raises ``NoWorker``."""

    async def start_worker(self) -> Started: ...


class ZygoteSource:
    """Asks the engine's zygote to fork. Its control socket comes and goes with the zygote: ``attach`` each new one."""

    def __init__(self) -> None:
        self._control: socket.socket | None = None
        self._one_at_a_time = asyncio.Lock()

    def attach(self, control: socket.socket) -> None:
        """Use the control socket of a zygote that was just started; it is ours from now on."""
        self.detach()
        control.setblocking(False)
        self._control = control

    def detach(self) -> None:
        """Forget a zygote that ended."""
        if self._control is not None:
            self._control.close()
            self._control = None

    async def start_worker(self) -> Started:
        async with self._one_at_a_time:
            control = self._control
            if control is None:
                raise NoWorker("the zygote is not running")
            try:
                async with asyncio.timeout(ANSWER_S):
                    return await _fork(control)
            except (OSError, TimeoutError, BadJson, KeyError, TypeError) as error:
                # An answer may still be on its way and would be taken for the next one's.
                if self._control is control:
                    self.detach()
                raise NoWorker(f"the zygote gave no worker: {str(error) or 'no answer'}") from None


async def _fork(control: socket.socket) -> Started:
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(control, b"fork")
    message, descriptors = await _receive(control)
    try:
        if not message or len(descriptors) != 2:
            raise OSError("it closed its socket" if not message else "its answer lacks descriptors")
        pid = codec.loads(message)["pid"]
        return socket.socket(fileno=descriptors[0]), int(pid), descriptors[1]
    except BaseException:
        for descriptor in descriptors:
            os.close(descriptor)
        raise


async def _receive(control: socket.socket) -> tuple[bytes, list[int]]:
    """Receive one message with its descriptors."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(control, readable.set)
    try:
        while True:
            await readable.wait()
            with contextlib.suppress(BlockingIOError):
                message, descriptors, _flags, _address = socket.recv_fds(control, ANSWER_MAX, 2)
                return message, descriptors
            readable.clear()
    finally:
        loop.remove_reader(control)


class CommandSource:
    """Starts ``[engine] command``: any program that speaks the engine protocol on descriptor 3."""

    def __init__(
        self,
        argv: Sequence[str],
        env: Mapping[str, str],
        on_line: Callable[[str, str], None] = lambda name, line: None,
    ) -> None:
        self._argv = list(argv)
        self._env = dict(env)
        self._on_line = on_line  # (name, line) of what the program writes to stdout and stderr
        self._watchers: set[asyncio.Task[None]] = set()

    async def start_worker(self) -> Started:
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                child = spawn(self._argv, env=self._env, fds={CONTROL_FD: theirs.fileno()})
            except OSError as error:
                ours.close()
                raise NoWorker(f"{self._argv[0]}: {error}") from None
        pidfd = os.dup(child.pidfd)
        watcher = asyncio.get_running_loop().create_task(self._watch(child))
        self._watchers.add(watcher)
        watcher.add_done_callback(self._watchers.discard)
        return ours, child.pid, pidfd

    async def _watch(self, child: Child) -> None:
        """Pass on what the program writes, and reap it."""
        name = f"worker {child.pid}"
        assert child.output is not None
        reader = asyncio.StreamReader(limit=LINE_MAX)
        pipe = os.fdopen(child.output, "rb", buffering=0)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), pipe
        )
        try:
            reading = asyncio.create_task(self._read(reader, name))
            ended = await child.ended()
            if ended.code != 0:
                self._on_line(name, f"{ended}")
            await asyncio.wait([reading], timeout=1)
            reading.cancel()
        finally:
            transport.close()

    async def _read(self, reader: asyncio.StreamReader, name: str) -> None:
        while True:
            try:
                line = await reader.readuntil(b"\n")
            except asyncio.LimitOverrunError:
                line = await reader.readexactly(LINE_MAX)
            except asyncio.IncompleteReadError as last:
                if last.partial:
                    self._on_line(name, last.partial.decode("utf-8", "replace"))
                return
            self._on_line(name, line.decode("utf-8", "replace").rstrip("\n"))
