"""Hurts processes of a running stage: finds one of a kind, kills it or stops it for a while, notes what was done."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psutil

from db.errors import SaloError
from server.chaos.belongings import belongs
from server.chaos.plan import STOP_S, How, Kind, Step
from server.chaos.watch import Watch
from server.control_client import ControlClient
from server.demo.stage import Stage

FIND_S = 5.0  # for a process of the kind to appear: it may have been killed a moment ago
SNAPSHOT_S = 1.0


@dataclass(slots=True)
class Harm:
    """What was done. All times are ms since the epoch.

    ``events`` are those that a worker was about. ``until_ms`` is when a stopped process went on, and ``up_ms`` when a
    killed platform was started again.
    """

    kind: Kind
    how: How
    at_ms: float
    until_ms: float
    events: frozenset[str] = frozenset()
    up_ms: float | None = None


class Harmer:
    """Does harm to one stage. ``close`` lets everything go on that was stopped."""

    def __init__(self, stage: Stage, watch: Watch) -> None:
        self.done: list[Harm] = []
        self.missed = 0  # no process of the kind was there
        self._stage, self._watch = stage, watch
        self._pids: dict[str, list[int]] = {}
        self._stopped: dict[int, Callable[[], None]] = {}  # pid -> what lets it go on now

    async def act(self, step: Step) -> Harm | None:
        """Do one harm and return it, or None when there is no such process."""
        pid = await self._find(step)
        if pid is None:
            self.missed += 1
            return None
        events = self._watch.events_of(pid) if step.kind == "worker" else frozenset()
        with suppress(ProcessLookupError):
            pidfd = os.pidfd_open(pid)
            now_ms = time.time() * 1000
            harm = Harm(step.kind, step.how, now_ms, now_ms, events)
            if step.how == "kill":
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)
                os.close(pidfd)
            else:
                signal.pidfd_send_signal(pidfd, signal.SIGSTOP)
                self._let_go_later(pid, pidfd, harm)
            self.done.append(harm)
            return harm
        return None

    def close(self) -> None:
        """Let all stopped processes go on."""
        for let_go in list(self._stopped.values()):
            let_go()

    def _let_go_later(self, pid: int, pidfd: int, harm: Harm) -> None:
        harm.until_ms = harm.at_ms + STOP_S * 1000

        def let_go() -> None:
            later.cancel()
            if self._stopped.pop(pid, None) is not None:
                harm.until_ms = time.time() * 1000
                with suppress(ProcessLookupError):
                    signal.pidfd_send_signal(pidfd, signal.SIGCONT)
                os.close(pidfd)

        later = asyncio.get_running_loop().call_later(STOP_S, let_go)
        self._stopped[pid] = let_go

    async def _find(self, step: Step) -> int | None:
        """Return the process to be hurt; waits a while for one."""
        end = time.monotonic() + FIND_S
        while time.monotonic() < end:
            found = [pid for pid in await self._of_kind(step.kind) if self._may_be_hurt(pid)]
            if found:
                return found[int(step.spot * len(found))]
            await asyncio.sleep(0.05)
        return None

    async def _of_kind(self, kind: Kind) -> list[int]:
        if kind == "platform":
            platform = self._stage.platform
            return [] if platform.exit is not None else [platform.pid]
        with suppress(SaloError, OSError):  # it is down, or stopped: what was known before still counts
            self._pids = await asyncio.to_thread(self._snapshot)
        return self._pids.get(kind, [])

    def _snapshot(self) -> dict[str, list[int]]:
        with ControlClient.connect(self._stage.settings.state, SNAPSHOT_S) as client:
            processes: list[dict[str, Any]] = client.call("snapshot", {})["processes"]
        found: dict[str, list[int]] = {}
        for process in processes:
            if process["pid"]:
                found.setdefault(process["kind"], []).append(process["pid"])
        return found

    def _may_be_hurt(self, pid: int) -> bool:
        """Say whether it lives, is ours, and was not stopped before."""
        if pid in self._stopped:
            return False
        try:
            return belongs(psutil.Process(pid), self._stage.settings.home)
        except psutil.Error:
            return False
