"""Textual's driver for Linux, mended in three ways: it ends with its terminal at once, it wakes up as it fell asleep,
and it hears what is no UTF-8.

Left alone, it reads from a terminal that is gone again and again, a whole core's worth, or waits for ever for its
writer thread, which died of the same; SIGCONT starts its threads a second time; and one letter from a terminal that
writes CP1251 ends its reader.
"""

from __future__ import annotations

import codecs
import os
import select
import signal
import threading
from functools import partial
from typing import Any

from textual.app import App
from textual.drivers import linux_driver
from textual.drivers.linux_driver import LinuxDriver


class TerminalDriver(LinuxDriver):
    """Runs the app in a terminal until either ends."""

    def __init__(self, app: App[Any], **options: Any) -> None:
        super().__init__(app, **options)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whoever started us may have ignored it: nohup
        self._hang_up: select.epoll | None = None

    def start_application_mode(self) -> None:
        super().start_application_mode()  # type: ignore[no-untyped-call]
        self._loop.add_signal_handler(signal.SIGTERM, self._app.exit)
        threading.excepthook = _end_with_thread
        if self._hang_up is None:
            self._hang_up = select.epoll()
            self._hang_up.register(self.fileno, 0)  # no input, only its end, which the kernel tells unasked
        self._loop.add_reader(self._hang_up.fileno(), end_at_once)

    def stop_application_mode(self) -> None:
        if self._hang_up is not None:
            self._loop.remove_reader(self._hang_up.fileno())
        super().stop_application_mode()

    def run_input_thread(self) -> None:
        """Read keys. Whatever else goes wrong here, Textual shows it and ends."""
        try:
            super().run_input_thread()
        except OSError:
            end_at_once()

    def _sigcont_application(self, *_args: object) -> None:
        """Start anew only what was stopped in order; after a plain SIGSTOP all still runs, and is drawn once more."""
        if self._must_signal_resume:
            super()._sigcont_application()
        else:
            self._loop.call_soon_threadsafe(self._draw_again)

    def _draw_again(self) -> None:
        self._app.refresh(layout=True)


def _forgiving(encoding: str) -> partial[codecs.IncrementalDecoder]:
    """Return what makes decoders that show a replacement for what they cannot read."""
    return partial(codecs.getincrementaldecoder(encoding), "replace")


# The reader makes its decoder within one long function; this is the only way in. Look at it at upgrades.
setattr(linux_driver, "getincrementaldecoder", _forgiving)  # noqa: B010  # no name of theirs to assign to


def end_at_once() -> None:
    """End as the kernel ends whoever loses its terminal. There is nobody left to tell, and nothing to put in order."""
    os.kill(os.getpid(), signal.SIGHUP)


def _end_with_thread(args: threading.ExceptHookArgs) -> None:
    """The reader and the writer thread die of a terminal that is gone; without them the app would wait for ever."""
    if isinstance(args.exc_value, OSError):
        end_at_once()
    threading.__excepthook__(args)
