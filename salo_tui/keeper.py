"""Keeps a platform running for the terminal: starts it, sees it end, and starts it again when it died by itself.

A platform that was told to stop stays stopped, and one that could not start says why: both wait for the operator.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from select import POLLIN, poll

from db.settings import Settings
from db.texts import _
from salo_tui.launch import RESTARTS_MAX, Tie, last_words, restart_delay_s, start_platform
from salo_tui.state import State
from salo_tui.store import Link

LOOK_S = 0.3  # between two looks at a platform that hung up and still lives


class Phase(Enum):
    """How the platform stands, as far as this terminal knows."""

    AWAITED = "awaited"  # somebody else runs it, or will
    STARTING = "starting"
    UP = "up"
    DIED = "died"  # and is started again
    FAILED = "failed"  # could not start
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Standing:
    """The phase; ``reason`` says who stopped it, or how it ended, and ``words`` are its last ones."""

    phase: Phase
    reason: str = ""
    words: tuple[str, ...] = ()

    @property
    def waits_for_us(self) -> bool:
        """Whether nothing happens until the operator starts it."""
        return self.phase in (Phase.FAILED, Phase.STOPPED)


class Keeper:
    """Knows the ``standing`` and calls ``on_change`` when it changes. All of it runs in the app's loop.

    ``may_start`` is asked each time: a terminal that only attaches, or is read-only, starts nothing.
    """

    def __init__(
        self,
        settings: Settings,
        may_start: Callable[[], bool],
        on_change: Callable[[Standing], None],
        tie: Tie | None = None,
    ) -> None:
        self.standing = Standing(Phase.AWAITED)
        self.pid = 0  # of the platform that runs, or ran last
        self.has_started = False  # the one that runs is ours
        self._settings, self._may_start, self._on_change, self._tie = settings, may_start, on_change, tie
        self._child: subprocess.Popen[bytes] | None = None
        self._is_linked = False
        self._stopped_by = ""
        self._restarts: deque[float] = deque(maxlen=RESTARTS_MAX)
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_starting(self) -> bool:
        """Whether a platform of ours is on its way, though it does not answer yet."""
        return self._child is not None

    def start(self) -> None:
        """Start a platform, unless one is there or on its way."""
        self._forget_timer()
        if self._is_linked or self._child is not None or not self._may_start():
            return
        try:
            self._child = start_platform(self._settings, self._tie)
        except OSError as error:
            self._set(Phase.FAILED, str(error))
            return
        self.pid, self.has_started, self._stopped_by = self._child.pid, True, ""
        watched = os.pidfd_open(self._child.pid)
        asyncio.get_running_loop().add_reader(watched, self._child_ended, watched)
        self._set(Phase.STARTING)

    def link_changed(self, link: Link, state: State) -> None:
        """Take in that the link came up, or broke."""
        was_linked, self._is_linked = self._is_linked, link.is_up
        if link.is_up:
            self.state_changed(state)
        elif was_linked:
            self._link_lost()
        elif self.standing.phase is Phase.AWAITED:
            self.start()

    def state_changed(self, state: State) -> None:
        """Take in what the platform says of itself."""
        if not self._is_linked:
            return
        self._forget_timer()
        self.pid = int(state.platform.get("pid") or 0)
        self.has_started = self._child is not None and self._child.pid == self.pid
        phase = state.platform.get("state")
        self._stopped_by = str(state.platform.get("stopped_by") or "") or ("?" if phase == "stopping" else "")
        self._set(Phase.STARTING if phase == "starting" else Phase.UP)

    def _child_ended(self, watched: int) -> None:
        asyncio.get_running_loop().remove_reader(watched)
        os.close(watched)
        assert self._child is not None
        code, pid, self._child = self._child.wait(), self._child.pid, None
        if pid != self.pid:
            return  # another one runs, and ours gave way to it
        if self._stopped_by:
            self._set(Phase.STOPPED, self._stopped_by)
        elif code >= 0:
            self._set(Phase.FAILED, words=tuple(last_words(self._settings)))
        else:
            self._died(_signal_name(-code))

    def _link_lost(self) -> None:
        """Decide what follows from a broken link: whoever said that it stops does, and who lives may come back."""
        self._timer = None
        if self._stopped_by:
            self._set(Phase.STOPPED, self._stopped_by)
        elif self._child is not None:
            return  # how it ended is told by itself
        elif _lives(self.pid):
            self._timer = asyncio.get_running_loop().call_later(LOOK_S, self._link_lost)
        else:
            self._died("")

    def _died(self, reason: str) -> None:
        if not self._may_start():
            self._set(Phase.AWAITED)
            return
        loop = asyncio.get_running_loop()
        delay_s = restart_delay_s(self._restarts, loop.time())
        if delay_s is None:
            words = tuple(last_words(self._settings))
            self._set(Phase.FAILED, _("it died {count} times in a minute").format(count=RESTARTS_MAX), words)
            return
        self._restarts.append(loop.time())
        self._set(Phase.DIED, reason)
        self._timer = loop.call_later(delay_s, self.start)

    def _forget_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set(self, phase: Phase, reason: str = "", words: tuple[str, ...] = ()) -> None:
        standing = Standing(phase, reason, words)
        if standing != self.standing:
            self.standing = standing
            self._on_change(standing)


def _signal_name(number: int) -> str:
    """Return a signal's name; those for real-time use have none."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return _("signal {number}").format(number=number)


def _lives(pid: int) -> bool:
    if not pid:
        return False
    try:
        watched = os.pidfd_open(pid)
    except (OSError, ValueError):
        return False
    try:
        poller = poll()
        poller.register(watched, POLLIN)
        return not poller.poll(0)
    finally:
        os.close(watched)
