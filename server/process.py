"""Starts one child process that cannot outlive us, and tells when and how it ended.

A child dies with the thread that started it: it is started from the main thread, with a parent-death signal that is
set before its program runs, in a process group of its own that is killed as a whole when its leader ends. It is known
by a pidfd, so that no signal ever reaches a stranger who got its number.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from db.settings import Settings

CONTROL_FD = 3  # where a child finds its end of a control socket

_SETPRIV = "/usr/bin/setpriv"
# setpriv has set the death signal before sh looks for its parent: if we died in between, it finds another and ends.
_LAUNCH = '[ "$PPID" = "$1" ] || exit 71; cd -- "$2" || exit 72; shift 2; exec "$@"'
_FIRST_FREE_FD = 64  # above every number that a child is promised
_PASSED_ON = ("PATH", "HOME", "LANG", "TZ", "LD_LIBRARY_PATH")


@dataclass(frozen=True, slots=True)
class Exit:
    """How a child ended."""

    code: int | None  # None when a signal killed it
    signal: int | None

    def __str__(self) -> str:
        if self.signal is not None:
            known = self.signal in signal.Signals.__members__.values()  # the real-time ones have no name
            return f"killed by {signal.Signals(self.signal).name if known else f'signal {self.signal}'}"
        return f"exited with {self.code}"


def child_environment(settings: Settings) -> dict[str, str]:
    """Return the environment of our own children: what a program cannot do without, and the state directory."""
    kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return {"PATH": os.defpath, "LANG": "C.UTF-8", **kept, "SALO_HOME": str(settings.home)}


def python_argv(settings: Settings, module: str, *arguments: str) -> list[str]:
    """Return the command line of one of our own modules as a child."""
    return [sys.executable, "-I", "-m", module, "--config", str(settings.source), *arguments]


class Child:
    """One started process. It is ours until ``reap`` has returned its ``Exit``; after that only the exit remains."""

    def __init__(self, pid: int, output: int | None, control: socket.socket | None) -> None:
        self.pid = pid
        self.pidfd = os.pidfd_open(pid)
        self.output = output  # reading end of its stdout and stderr, or None when they go elsewhere
        self.control = control  # our end of its CONTROL_FD; whoever takes it closes it
        self.started_s = time.monotonic()
        self.exit: Exit | None = None
        LIVING[pid] = self

    def signal(self, number: int) -> None:
        """Send a signal to the process alone; nothing happens when it has ended."""
        if self.exit is None:
            try:
                signal.pidfd_send_signal(self.pidfd, number)
            except ProcessLookupError:
                return

    def kill(self) -> None:
        """End it and its whole group at once. ``reap`` is still to be called."""
        if self.exit is None:
            _kill_group(self.pid)

    def reap(self) -> Exit | None:
        """Return how it ended, or ``None`` while it runs. Does not block."""
        if self.exit is None and _is_readable(self.pidfd, 0):
            # The number stays taken while its leader is not reaped, so this cannot hit another group.
            _kill_group(self.pid)
            result = os.waitid(os.P_PIDFD, self.pidfd, os.WEXITED)
            assert result is not None
            killed = result.si_code != os.CLD_EXITED
            self.exit = Exit(None if killed else result.si_status, result.si_status if killed else None)
            del LIVING[self.pid]
            os.close(self.pidfd)
        return self.exit

    def wait(self, timeout_s: float) -> Exit | None:
        """Block until it has ended; ``None`` after ``timeout_s``."""
        if self.exit is None:
            _is_readable(self.pidfd, timeout_s)
        return self.reap()

    async def ended(self) -> Exit:
        """Wait until it has ended; for one waiter at a time."""
        if self.exit is not None:
            return self.exit
        loop = asyncio.get_running_loop()
        seen = asyncio.Event()
        loop.add_reader(self.pidfd, seen.set)
        try:
            await seen.wait()
        finally:
            loop.remove_reader(self.pidfd)
        ended = self.reap()
        assert ended is not None
        return ended


LIVING: dict[int, Child] = {}  # pid -> child that is not reaped; server.orphans leaves these alone


def spawn(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path = Path("/"),
    stdin: bytes = b"",
    stdout: int | None = None,
    fds: Mapping[int, int] | None = None,
    control: bool = False,
    any_thread: bool = False,
) -> Child:
    """Start ``argv`` in ``cwd``. Blocks for a few milliseconds; raises ``OSError`` when nothing can be started at all.

    ``stdin`` is what it reads there. ``stdout`` gets its output, else ``Child.output`` is a pipe's reading end.
    ``fds`` maps a number in the child to a descriptor of ours; no other descriptor of ours is open in it.
    ``control`` makes a socket pair of which the child has ``CONTROL_FD``. A missing program shows as exit 127.
    ``any_thread`` is for a caller that waits for the child's end in the very thread that it starts it from.
    """
    assert any_thread or threading.current_thread() is threading.main_thread(), "the child would die with this thread"
    with ExitStack() as theirs, ExitStack() as ours:
        feed = _closed_by(theirs, _as_file(stdin))
        output, our_socket = None, None
        if stdout is None:
            output, stdout = os.pipe()
            _closed_by(ours, output)
            _closed_by(theirs, stdout)
            os.set_blocking(output, False)
        wanted = {0: feed, 1: stdout, 2: stdout, **(fds or {})}
        if control:
            our_socket, their_socket = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            ours.enter_context(our_socket)
            wanted[CONTROL_FD] = theirs.enter_context(their_socket).fileno()
        child = Child(_launch(argv, env, cwd, wanted), output, our_socket)
        ours.pop_all()  # they are the child's now
    return child


def _launch(argv: Sequence[str], env: Mapping[str, str], cwd: Path, wanted: Mapping[int, int]) -> int:
    """Return the pid of the program, to be: setpriv, then sh, then the program itself, all under one number."""
    command = ["setpriv", "--pdeathsig", "KILL", "/bin/sh", "-c", _LAUNCH, "salo", str(os.getpid()), str(cwd), *argv]
    with ExitStack() as copies:
        # Copied out of the way first: a source may have the very number that another descriptor is to get.
        high = {
            number: _closed_by(copies, fcntl.fcntl(source, fcntl.F_DUPFD_CLOEXEC, _FIRST_FREE_FD))
            for number, source in wanted.items()
        }
        actions: list[tuple[int, ...]] = [(os.POSIX_SPAWN_DUP2, source, number) for number, source in high.items()]
        actions += [(os.POSIX_SPAWN_CLOSE, stranger) for stranger in _inheritable_descriptors() - wanted.keys()]
        return os.posix_spawn(
            _SETPRIV,
            command,
            env,
            file_actions=actions,
            setpgroup=0,
            setsigmask=[],
            setsigdef=[signal.SIGPIPE, signal.SIGXFSZ],  # those that Python ignores
        )


def _inheritable_descriptors() -> set[int]:
    """Return what would leak into a child: Python's own descriptors never do, but those that we inherited would."""
    numbers = {int(name) for name in os.listdir("/proc/self/fd")}  # noqa: PTH208, a path per descriptor is waste
    return {number for number in numbers if number > 2 and _is_inheritable(number)}


def _is_inheritable(number: int) -> bool:
    try:
        return os.get_inheritable(number)
    except OSError:  # the listing's own descriptor, closed by now
        return False


def _as_file(content: bytes) -> int:
    """Return a descriptor that reads ``content``. In memory: a pipe would block on long content."""
    if not content:
        return os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    number = os.memfd_create("stdin")
    os.write(number, content)
    os.lseek(number, 0, os.SEEK_SET)
    return number


def _closed_by(stack: ExitStack, number: int) -> int:
    stack.callback(os.close, number)
    return number


def _kill_group(leader: int) -> None:
    try:
        os.killpg(leader, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return  # nobody is left, or nobody whom we may kill


def _is_readable(number: int, timeout_s: float) -> bool:
    poller = select.poll()
    poller.register(number, select.POLLIN)
    return bool(poller.poll(timeout_s * 1000))
