"""What is to be known of a child to start it, to tell whether it is up, and to stop it."""

from __future__ import annotations

import os
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from db.texts import _
from server.process import Child, spawn


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a child ended, when it is known. ``text`` is a source for the catalogue, ``values`` fill its names.

    ``is_over``: while it says no, a new start is futile. ``is_mended``: the reason is gone, it may start at once.
    """

    text: str
    values: Mapping[str, object] = field(default_factory=dict)
    is_over: Callable[[], bool] | None = None
    is_mended: bool = False

    def told(self) -> str:
        """Return the text in the language in use."""
        return _(self.text).format(**self.values)

    def logged(self) -> str:
        """Return the text as the log has it."""
        return self.text.format(**self.values)


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """One child of the platform. ``name`` is unique, in small letters, digits, ``-`` and ``_``: it names its log."""

    kind: str
    name: str
    argv: Sequence[str]
    env: dict[str, str]
    cwd: Path = Path("/")
    pass_fds: tuple[int, ...] = ()  # open in the child under the same numbers
    essential: bool = False  # tried again for ever
    ready: Callable[[], Awaitable[bool]] | None = None  # asked until it says yes; None: up as soon as it is started
    ready_within_s: float = 60.0  # longer counts as a failure
    retry_most_s: float | None = None  # bounds the wait before it is started again; None: the restart rules alone
    after_end: Callable[[Sequence[str]], Cause | None] | None = None  # gets its last words, may mend; in any thread
    stdin: bytes = b""
    stop_signal: int = signal.SIGTERM
    stop_grace_s: float = 10.0  # until SIGKILL
    niceness: int = 0  # above ours: how much it gives way to others when processors are short
    control: bool = False  # has a socket to us on server.process.CONTROL_FD, made anew at each start

    def spawn(self, stdout: int | None = None) -> Child:
        """Start it once. Raises ``OSError``."""
        child = spawn(
            self.argv,
            env=self.env,
            cwd=self.cwd,
            stdin=self.stdin,
            stdout=stdout,
            fds={number: number for number in self.pass_fds},
            control=self.control,
        )
        if self.niceness:
            with suppress(ProcessLookupError):  # it ended before
                os.setpriority(os.PRIO_PROCESS, child.pid, os.getpriority(os.PRIO_PROCESS, 0) + self.niceness)
        return child
