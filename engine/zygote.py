"""The zygote: a warm process that forks engine workers on demand, in a third of a millisecond instead of a second.

Control (descriptor 3): the platform writes ``fork``; the answer is ``{"pid": n}`` with three descriptors: the
platform's end of the new worker's job socket, the worker's pidfd, and the reading end of what it writes to stdout and
stderr. At a worker's end ``{"ended": n, "code": exit code or -signal}`` follows. The zygote ends when the control
socket closes, and its workers with it. It has one thread and no connections, so that there is nothing a fork could
tear.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import logging
import os
import selectors
import signal
import socket
import sys
from typing import NoReturn

from db import codec
from db.settings import Settings
from engine import worker
from engine.commands.dispatch import load_bodies
from engine.commands.registry import registry
from engine.limits import stay_alone
from engine.matching.search import load_matcher
from engine.process import (
    JOB_FD,
    close_other_descriptors,
    die_with_parent,
    read_settings,
    set_up_logging,
    start_as_child,
    thread_count,
)

_ORDER = b"fork"
_WARM = ("vk_api", "redis", "hiredis", "peewee", "pymysql", "playhouse.pool")

log = logging.getLogger("engine.zygote")


def main() -> int:
    """Fork workers until the control socket closes or SIGTERM comes."""
    settings = read_settings(sys.argv[1:], "engine.zygote")
    set_up_logging(settings)
    start_as_child()
    warm_up()
    control = socket.socket(fileno=JOB_FD)
    _Zygote(control, settings).run()
    return 0


def warm_up() -> None:
    """Import and build all that a worker needs, and keep it out of the collector's way: collecting it unshares it."""
    for name in _WARM:
        importlib.import_module(name)
    load_bodies()
    registry()
    load_matcher()
    gc.collect()
    gc.freeze()
    threads = thread_count()
    assert threads == 1, f"a fork would lose {threads - 1} threads"


class _Zygote:
    """Waits for orders and for ended workers, on one selector."""

    def __init__(self, control: socket.socket, settings: Settings) -> None:
        self._control = control
        self._settings = settings
        self._pending = b""
        self._is_over = False
        self._selector = selectors.DefaultSelector()
        self._wake_out, self._wake_in = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)

    def run(self) -> None:
        signal.set_wakeup_fd(self._wake_in.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # only its byte in the wake-up socket matters
        signal.signal(signal.SIGTERM, self._on_term)
        self._selector.register(self._control, selectors.EVENT_READ)
        self._selector.register(self._wake_out, selectors.EVENT_READ)
        log.info("zygote ready pid=%d", os.getpid())
        while not self._is_over:
            for key, _ in self._selector.select():
                if key.fileobj is self._control:
                    self._take_orders()
                else:
                    self._reap()

    def _on_term(self, *_: object) -> None:
        self._is_over = True

    def _take_orders(self) -> None:
        try:
            received = self._control.recv(4096)
        except ConnectionResetError:
            received = b""
        if not received:
            self._is_over = True
            return
        self._pending += received
        while self._pending.startswith(_ORDER):
            self._pending = self._pending[len(_ORDER) :]
            self._fork()
        if not _ORDER.startswith(self._pending):
            log.error("zygote stops: an order it does not know")
            self._is_over = True

    def _fork(self) -> None:
        """Fork one worker and hand out its socket and pidfd. A failure is answered without descriptors."""
        ours, theirs = socket.socketpair()
        heard, said = os.pipe()
        parent = os.getpid()
        try:
            pid = os.fork()
        except OSError as error:
            log.error("fork failed error=%s", error)
            ours.close()
            theirs.close()
            os.close(heard)
            os.close(said)
            self._control.sendall(codec.dumps({"error": str(error)}))
            return
        if pid == 0:
            _be_worker(theirs, said, parent, self._settings)
        theirs.close()
        os.close(said)
        pidfd = os.pidfd_open(pid)  # the child cannot have been reaped: only we do that
        try:
            socket.send_fds(self._control, [codec.dumps({"pid": pid})], [ours.fileno(), pidfd, heard])
        except OSError as error:
            log.error("worker not handed over pid=%d error=%s", pid, error)
            self._is_over = True
        finally:
            ours.close()
            os.close(pidfd)
            os.close(heard)

    def _reap(self) -> None:
        try:
            self._wake_out.recv(4096)
        except BlockingIOError:
            return
        while True:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if ended is None:
                return
            self._bury(ended.si_pid)

    def _bury(self, pid: int) -> None:
        """Reap a worker that has ended, kill what it started, and tell how it ended."""
        # The number stays taken while its leader is not reaped, so this cannot hit another group.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
        _pid, status = os.waitpid(pid, 0)
        code = os.waitstatus_to_exitcode(status)
        level = logging.INFO if code in (0, -signal.SIGKILL) else logging.WARNING
        log.log(level, "worker ended pid=%d code=%d", pid, code)
        try:
            self._control.sendall(codec.dumps({"ended": pid, "code": code}))
        except OSError:
            self._is_over = True  # the platform is gone


def _be_worker(connection: socket.socket, output: int, parent: int, settings: Settings) -> NoReturn:
    """Live as a worker in the forked child. Never returns: nothing of the zygote's may run twice."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        die_with_parent(parent)
        os.setpgid(0, 0)  # killed as a whole when this process ends
        for standard in (1, 2):
            os.dup2(output, standard)
        close_other_descriptors(keep={connection.fileno()})
        stay_alone()
        worker.serve(connection, settings)
        code = 0
    except BaseException:
        log.exception("worker failed")
    finally:
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    sys.exit(main())
