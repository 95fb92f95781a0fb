"""Storage for one command of the shell: a running platform's, or embedded servers started for as long as it lasts."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from db.errors import StorageUnavailable
from db.settings import Settings
from db.state import StateDir
from db.texts import _
from server.childspec import ChildSpec
from server.errors import ChildNotReady, StateLocked
from server.process import Child
from server.storage.embedded import embedded_specs, is_embedded, storage_answers
from server.storage.lock import PLATFORM, SESSION, StateLock

WAIT_S = 15.0  # for another command to end, for a platform to come up or go down
_POLL_S = 0.01


@contextmanager
def open_storage(settings: Settings, wait_s: float = WAIT_S) -> Iterator[None]:
    """Have Redis and MariaDB answer within the block. To be called from the main thread.

    External servers are left alone. Raises ``StateLocked`` when another command keeps the storage for itself,
    ``StorageUnavailable`` or ``ChildNotReady`` when a server does not come up.
    """
    if not is_embedded(settings):
        yield
        return
    settings.state.prepare()
    with ExitStack() as stack:
        lock = _own_or_shared(settings, wait_s)
        if lock is not None:
            stack.callback(lock.close)
            children = {}
            for spec in embedded_specs(settings, lock):
                children[spec.name] = _start(settings.state, spec)
                # The stack unwinds backwards: MariaDB stops before Redis, and both before the lock is let go.
                stack.callback(_stop, spec, children[spec.name])
            _wait_until_answers(settings, children)
        yield


def _own_or_shared(settings: Settings, wait_s: float) -> StateLock | None:
    """Return the lock, or ``None`` when a platform has it and its storage answers."""
    end_s = time.monotonic() + wait_s
    while True:
        try:
            return StateLock.acquire(settings.state, SESSION)
        except StateLocked as locked:
            # A platform may be on its way up, or down, or dead with its servers not quite gone.
            if locked.kind == PLATFORM and storage_answers(settings):
                return None
            if time.monotonic() >= end_s:
                if locked.kind == PLATFORM:
                    text = _("the platform (pid {pid}) runs, but its storage does not answer; see salo status")
                    raise StorageUnavailable(text.format(pid=locked.pid)) from None
                raise
        time.sleep(_POLL_S)


def _start(state: StateDir, spec: ChildSpec) -> Child:
    log = os.open(_log(state, spec.name), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        return spec.spawn(stdout=log)
    finally:
        os.close(log)


def _stop(spec: ChildSpec, child: Child) -> None:
    child.signal(spec.stop_signal)
    if child.wait(spec.stop_grace_s) is None:
        child.kill()
        child.wait(spec.stop_grace_s)


def _wait_until_answers(settings: Settings, children: dict[str, Child]) -> None:
    """Wait for recovery after a crash, however long it honestly takes, but not for a server that has ended."""
    while not storage_answers(settings):
        for name, child in children.items():
            if child.reap():
                text = _("{name} does not come up: {reason}; see {log}")
                raise ChildNotReady(text.format(name=name, reason=child.exit, log=_log(settings.state, name)))
        time.sleep(_POLL_S)


def _log(state: StateDir, name: str) -> Path:
    return state.logs / f"{name}.log"
