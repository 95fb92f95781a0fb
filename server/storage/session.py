"""Storage for one command of the shell: a running platform's, or embedded servers started for as long as it lasts."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence
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
_LAST_BYTES, _LAST_LINES = 4096, 4  # of a server that ended: older ones may be of another life


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
            children: dict[str, Child] = {}
            specs = embedded_specs(settings, lock)
            for spec in specs:
                children[spec.name] = _start(settings.state, spec)
                # The stack unwinds backwards: MariaDB stops before Redis, and both before the lock is let go.
                stack.callback(_stop, spec, children)
            _wait_until_answers(settings, specs, children)
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


def _stop(spec: ChildSpec, children: dict[str, Child]) -> None:
    child = children[spec.name]
    child.signal(spec.stop_signal)
    if child.wait(spec.stop_grace_s) is None:
        child.kill()
        child.wait(spec.stop_grace_s)


def _wait_until_answers(settings: Settings, specs: Sequence[ChildSpec], children: dict[str, Child]) -> None:
    """Wait for recovery after a crash, however long it honestly takes, but not for a server that has ended."""
    while not storage_answers(settings):
        for spec in specs:
            if children[spec.name].reap():
                children[spec.name] = _mended(settings.state, spec, children[spec.name])
        time.sleep(_POLL_S)


def _mended(state: StateDir, spec: ChildSpec, ended: Child) -> Child:
    """Start a server again whose files could be mended. Raises ``ChildNotReady`` with what it died of."""
    log = _log(state, spec.name)
    cause = spec.after_end(_last_lines(log)) if spec.after_end else None
    if cause is not None and cause.is_mended:
        print(f"{spec.name}: {cause.told()}", file=sys.stderr)
        return _start(state, spec)
    text = _("{name} does not come up: {reason}; see {log}")
    reason = f"{ended.exit}: {cause.told()}" if cause else ended.exit
    raise ChildNotReady(text.format(name=spec.name, reason=reason, log=log))


def _last_lines(log: Path) -> list[str]:
    """Return the last words in a log."""
    with log.open("rb") as file:
        file.seek(max(log.stat().st_size - _LAST_BYTES, 0))
        return file.read().decode("utf-8", "replace").splitlines()[-_LAST_LINES:]


def _log(state: StateDir, name: str) -> Path:
    return state.logs / f"{name}.log"
