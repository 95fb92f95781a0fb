"""Keeps one child running: starts it, waits until it is ready, starts it again when it ends, stops it when told to."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import psutil

from db.errors import SaloError
from db.protocol import ProcessInfo, ProcessState
from db.texts import _
from server.childspec import Cause, ChildSpec
from server.errors import ChildNotReady
from server.logs import ChildLog
from server.output import OutputReader
from server.process import Child
from server.restarts import Restart, RestartHistory, RestartRules, after_failure

log = logging.getLogger(__name__)

_READY_EVERY_S = 0.02
_CAUSE_EVERY_S = 0.5  # between two looks at whether what ended a child is over


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all keepers of one supervisor share."""

    rules: RestartRules
    dice: random.Random
    on_change: Callable[[ProcessInfo], None]
    on_started: Callable[[str, Child], None]


class Keeper:
    """One child's life, from ``start`` to ``stop``; both may be repeated."""

    def __init__(self, spec: ChildSpec, child_log: ChildLog, around: Surroundings) -> None:
        self.spec = spec
        self._log = child_log
        self._around = around
        self._state: ProcessState = "stopped"
        self._reason: str | None = None
        self._starts = 0
        self._history = RestartHistory()
        self._child: Child | None = None
        self._ready_since_s: float | None = None
        self._stopping = asyncio.Event()
        self._changed = asyncio.Event()
        self._life: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, with a clean record. Nothing happens when it has begun already."""
        if self._life is None:
            self._stopping.clear()
            self._history = RestartHistory()
            self._enter("starting")
            self._life = asyncio.create_task(self._live(), name=f"keeper {self.spec.name}")

    async def stop(self) -> None:
        """Stop the child: its signal, its grace, then SIGKILL. Returns when it is gone."""
        life = self._life
        if life is not None:
            self._stopping.set()
            await asyncio.wait([life])
            if self._life is life:  # not begun anew by another waiter
                self._life = None

    async def wait_ready(self, timeout_s: float) -> None:
        """Return when it is ready. Raises ``ChildNotReady`` when it is given up, stopped, or too slow."""
        try:
            async with asyncio.timeout(timeout_s):
                while self._state not in ("running", "failed", "stopped"):
                    await self._changed.wait()
        except TimeoutError:
            raise self._not_ready() from None
        if self._state != "running":
            raise self._not_ready()

    def info(self) -> ProcessInfo:
        child = self._child
        return ProcessInfo(
            kind=self.spec.kind,
            name=self.spec.name,
            pid=child.pid if child else None,
            state=self._state,
            restarts=max(self._starts - 1, 0),
            uptime=round(time.monotonic() - child.started_s, 1) if child else None,
            memory=_memory(child.pid) if child else None,
            reason=self._reason,
        )

    def tail(self) -> Sequence[str]:
        """Return the last lines that it said."""
        return self._log.tail()

    async def _live(self) -> None:
        """Start it again and again, as the restart rules say, until told to stop."""
        reason: str | None = None
        try:
            while not self._stopping.is_set():
                said = self._log.kept
                reason = await self._live_guarded()
                if not self._stopping.is_set():
                    await self._pause_after(reason, await self._cause(self._log.tail_since(said)))
        finally:
            self._enter("stopped", reason)
            self._log.close()

    async def _live_guarded(self) -> str:
        try:
            return await self._live_once()
        except Exception as error:  # ours or a listener's bug: the child is down, and is to come back
            log.exception("keeping failed name=%s", self.spec.name)
            return f"{type(error).__name__} in its keeper"

    async def _live_once(self) -> str:
        """Start the child and stay with it to its end; return why it ended."""
        self._starts += 1
        self._ready_since_s = None
        try:
            child = self.spec.spawn()
        except OSError as error:
            return f"cannot be started: {error}"
        self._child = child
        self._enter("starting")
        reader = OutputReader(child, self._log)
        try:
            self._around.on_started(self.spec.name, child)
            return await self._attend(child)
        finally:
            # Also when we are cancelled, or a listener failed: no child stays unattended.
            child.kill()
            await child.ended()
            reader.finish()
            self._child = None

    async def _attend(self, child: Child) -> str:
        """Bring it to readiness, wait for its end or for the order to stop."""
        ended = asyncio.ensure_future(child.ended())
        stopping = asyncio.ensure_future(self._stopping.wait())
        ready = asyncio.ensure_future(self._until_ready())
        try:
            within_s = self.spec.ready_within_s
            await asyncio.wait({ended, stopping, ready}, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
            if ready.done():
                ready.result()
                self._ready_since_s = time.monotonic()
                self._enter("running")
                await asyncio.wait({ended, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                return str(ended.result())
            if not stopping.done():
                return f"was not ready within {within_s:g} s"
            self._enter("stopping")
            child.signal(self.spec.stop_signal)
            await asyncio.wait({ended}, timeout=self.spec.stop_grace_s)
            return "stopped" if ended.done() else f"killed after {self.spec.stop_grace_s:g} s of grace"
        finally:
            for waiting in (ended, stopping, ready):
                waiting.cancel()
            await asyncio.gather(ended, stopping, ready, return_exceptions=True)

    async def _until_ready(self) -> None:
        if self.spec.ready is None:
            return
        while not await self._is_ready(self.spec.ready):
            await asyncio.sleep(_READY_EVERY_S)

    async def _is_ready(self, probe: Callable[[], Awaitable[bool]]) -> bool:
        try:
            return await probe()
        except (SaloError, OSError):
            return False

    async def _cause(self, said: Sequence[str]) -> Cause | None:
        """Ask what its last words mean, and let that be mended."""
        if self.spec.after_end is None:
            return None
        try:
            return await asyncio.to_thread(self.spec.after_end, said)
        except Exception:
            log.exception("cause not found name=%s", self.spec.name)
            return None

    async def _pause_after(self, reason: str, cause: Cause | None) -> None:
        """Note a failure and wait as long as the rules say and its cause lasts, or until told to stop."""
        now_s = time.monotonic()
        restart = after_failure(
            self._history,
            now_s=now_s,
            up_s=now_s - self._ready_since_s if self._ready_since_s is not None else 0.0,
            essential=self.spec.essential,
            dice=self._around.dice,
            rules=self._around.rules,
        )
        self._history = restart.history
        delay_s = _delay_s(restart, self.spec.retry_most_s, cause)
        level = logging.ERROR if restart.history.is_failed else logging.WARNING
        wait = "never" if delay_s is None else f"{delay_s:.1f}"
        log.log(level, "process ended kind=%s name=%s reason=%r restart_in_s=%s", *self._ids, reason, wait)
        if cause is not None:
            log.log(level, "process ended kind=%s name=%s cause=%r", *self._ids, cause.logged())
            reason = f"{reason}: {cause.told()}"
        self._enter("failed" if restart.history.is_failed else "backoff", reason)
        await self._wait_stop(delay_s)
        while cause is not None and cause.is_over is not None and not self._stopping.is_set():
            if await asyncio.to_thread(cause.is_over):
                return
            await self._wait_stop(_CAUSE_EVERY_S)

    async def _wait_stop(self, timeout_s: float | None) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), timeout_s)

    def _enter(self, state: ProcessState, reason: str | None = None) -> None:
        self._state = state
        self._reason = reason or self._reason
        if state == "running":
            log.info("process running kind=%s name=%s pid=%s", *self._ids, self._child and self._child.pid)
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
        self._around.on_change(self.info())

    @property
    def _ids(self) -> tuple[str, str]:
        return self.spec.kind, self.spec.name

    def _not_ready(self) -> ChildNotReady:
        text = _("{name} does not come up: {state}, {reason}; its last words: {said}; see logs/{name}.log")
        said = self.tail()[-1:] or ["-"]
        return ChildNotReady(
            text.format(name=self.spec.name, state=self._state, reason=self._reason or "-", said=said[0][:300])
        )


def _delay_s(restart: Restart, most_s: float | None, cause: Cause | None) -> float | None:
    """Return the wait that the rules give, within the child's own bound; nothing hinders what was mended."""
    if cause is not None and cause.is_mended:
        return 0.0
    if restart.delay_s is None or most_s is None:
        return restart.delay_s
    return min(restart.delay_s, most_s)


def _memory(pid: int) -> int | None:
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return None
