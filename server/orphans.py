"""Grandchildren whose parent died come back to the platform: they are reaped when they end, and killed at the stop."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from pathlib import Path

from server.process import LIVING

_PR_SET_CHILD_SUBREAPER = 36  # prctl(2)


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
    while True:
        for pid in adopted():
            try:
                os.kill(pid, signal.SIGKILL)  # our own child that nobody else reaps: the number cannot be reused
            except ProcessLookupError:
                continue
        left = reap_adopted()
        if not left or time.monotonic() > end_s:
            return left
        time.sleep(0.005)
