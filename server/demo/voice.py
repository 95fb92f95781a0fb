"""What the demo says to whoever started it, who may be gone by then: a terminal that vanished ends nothing."""

from __future__ import annotations

import os
import signal
from asyncio import AbstractEventLoop
from collections.abc import Callable

from rich.console import Console

_STREAMS = (1, 2)


class Voice:
    """Says lines on stdout, or on stderr, where programs read stdout."""

    def __init__(self, *, on_stderr: bool) -> None:
        self._console = Console(stderr=on_stderr, highlight=False)
        self._on_terminal = [number for number in _STREAMS if os.isatty(number)]

    def listen(self, loop: AbstractEventLoop, stop: Callable[[], object]) -> None:
        """Call ``stop`` on Ctrl-C, on SIGTERM, and when the terminal hangs up, unless we were told to outlive it."""
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup
            loop.add_signal_handler(signal.SIGHUP, self._hang_up, stop)

    def say(self, text: str) -> None:
        try:
            self._console.print(text, markup=False)
        except OSError:
            self._fall_silent()

    def say_data(self, line: str) -> None:
        """Say one line for programs, on stdout and at once."""
        try:
            print(line, flush=True)
        except OSError:
            self._fall_silent()

    def _hang_up(self, stop: Callable[[], object]) -> None:
        self._fall_silent()
        stop()

    def _fall_silent(self) -> None:
        """Let what is still written to a terminal go nowhere; what Python keeps for it would fail at the exit."""
        nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        for number in self._on_terminal:
            os.dup2(nowhere, number)
        os.close(nowhere)
