"""Grandchildren whose parent died come back to the platform: they are killed with it, and reaped when they end.

Nobody else knows of them: a worker may have started them for a message that it was killed for.
"""

from __future__ import annotations

import asyncio
import ctypes
import logging
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from server.process import LIVING

SWEEP_S = 5.0  # for killed orphans to be gone
_LOOK_S = 0.005
_PR_SET_CHILD_SUBREAPER = 36  # prctl(2)

log = logging.getLogger(__name__)


def become_subreaper() -> None:
    """Let orphaned descendants become our children, not init's. Raises ``OSError`` on a kernel that cannot."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def adopted() -> set[int]:
    """Return the pids of our children, dead or alive, that ``server.process`` did not start."""
    found: set[int] = set()
    for thread in Path("/proc/self/task").iterdir():
        try:
            found.update(map(int, (thread / "children").read_text().split()))
        except OSError:  # the thread has ended
            continue
    return found - LIVING.keys()


def reap_adopted() -> int:
    """Reap those that have ended; return how many live on. Cheap: meant for SIGCHLD."""
    left = 0
    for pid in adopted():
        try:
            ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG)
        except ChildProcessError:
            continue
        left += ended is None
    return left


def kill_adopted(timeout_s: float = 2.0) -> int:
    """Kill and reap all of them, and what comes back to us meanwhile; return how many would not die in time."""
    end_s = time.monotonic() + timeout_s
    while (left := _kill_once()) and time.monotonic() < end_s:
        time.sleep(_LOOK_S)
    return left


def _kill_once() -> int:
    for pid in adopted():
        try:
            os.kill(pid, signal.SIGKILL)  # our own child that nobody else reaps: the number cannot be reused
        except ProcessLookupError:
            continue
    return reap_adopted()


class Sweeper:
    """Kills orphans without keeping the loop: ``sweep`` when a process ended that may have left some.

    ``kill`` does one round and returns how many were not dead yet.
    """

    def __init__(self, kill: Callable[[], int] = _kill_once) -> None:
        self._kill = kill
        self._task: asyncio.Task[None] | None = None

    def sweep(self) -> None:
        """Begin; returns at once. A killed process may leave orphans of its own: they are looked for, too."""
        if self._kill() and (self._task is None or self._task.done()):
            self._task = asyncio.get_running_loop().create_task(self._go_on())

    async def _go_on(self) -> None:
        end_s = time.monotonic() + SWEEP_S
        while time.monotonic() < end_s:
            await asyncio.sleep(_LOOK_S)
            if not self._kill():
                return
        log.error("orphans do not die waited_s=%.0f", SWEEP_S)
