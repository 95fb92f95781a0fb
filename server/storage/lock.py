"""The state directory's one owner: a ``flock`` that its embedded servers inherit.

The lock is free only when its owner and every server that it started are gone, so that nobody starts a second Redis
on files that the first still writes.
"""

from __future__ import annotations

import fcntl
import os
import time

import psutil

from db.state import StateDir
from server.errors import StateLocked

PLATFORM, SESSION, LEAVING = "platform", "session", "leaving"
_POLL_S = 0.02


class StateLock:
    """Held until ``close`` here and in every child that inherited ``fd``."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    @classmethod
    def acquire(cls, state: StateDir, kind: str, wait_s: float = 0.0) -> StateLock:
        """Take the lock, waiting for an owner that is on its way out. Raises ``StateLocked``.

        A living platform is no such owner: it is named at once.
        """
        end_s = time.monotonic() + wait_s
        fd = os.open(state.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            while not _try_lock(fd):
                pid, owner = _owner(fd)
                if time.monotonic() >= end_s or (owner == PLATFORM and _lives(pid)):
                    raise StateLocked(pid, owner)
                time.sleep(_POLL_S)
            lock = cls(fd)
            lock.mark(kind)
        except BaseException:
            os.close(fd)
            raise
        return lock

    def mark(self, kind: str) -> None:
        """Say what we are; a platform that stops marks itself ``LEAVING``, so that the next one waits for it."""
        line = f"{os.getpid()} {kind}\n".encode()
        os.pwrite(self.fd, line, 0)
        os.ftruncate(self.fd, len(line))

    def close(self) -> None:
        """Let go of our part of it."""
        os.close(self.fd)


def _try_lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _owner(fd: int) -> tuple[int, str]:
    """Return pid and kind of who took the lock; the moment before it is written counts as a nameless session."""
    words = os.pread(fd, 100, 0).decode("ascii", "replace").split()
    if len(words) == 2 and words[0].isdigit():
        return int(words[0]), words[1]
    return 0, SESSION


def _lives(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
