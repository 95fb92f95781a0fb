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
import termios
import threading
import tty
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
        self._has_terminal = False
        self._wants_mouse = True

    def start_application_mode(self) -> None:
        super().start_application_mode()  # type: ignore[no-untyped-call]
        self._loop.add_signal_handler(signal.SIGTERM, self._app.exit)
        threading.excepthook = _end_with_thread
        if self._hang_up is None:
            self._hang_up = select.epoll()
            self._hang_up.register(self.fileno, 0)  # no input, only its end, which the kernel tells unasked
        self._loop.add_reader(self._hang_up.fileno(), end_at_once)
        self._has_terminal = True

    def stop_application_mode(self) -> None:
        self._has_terminal = False
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
        """Start anew only what was stopped in order; after a plain SIGSTOP all still runs, and needs its terminal."""
        if self._must_signal_resume:
            super()._sigcont_application()
        else:
            self._loop.call_soon_threadsafe(self._take_terminal_again)

    def _take_terminal_again(self) -> None:
        """Set the terminal as we had it, and draw anew: a shell that had it meanwhile has set it for itself.

        While a program of ours has it, such as an editor, it is that program's.
        """
        if self._has_terminal:
            self._set_raw()
            self.write("\x1b[?1049h\x1b[?25l\x1b[?1004h")  # the other screen, no cursor, and to be told of the focus
            self._enable_bracketed_paste()
            self._disable_line_wrap()
            if self._wants_mouse:
                self._enable_mouse_support()
            if self._in_band_window_resize:
                self._enable_in_band_window_resize()
            self.flush()
        self._app.refresh(layout=True)

    def _set_raw(self) -> None:
        try:
            attributes = termios.tcgetattr(self.fileno)
            attributes[tty.LFLAG] = self._patch_lflag(attributes[tty.LFLAG])
            attributes[tty.IFLAG] = self._patch_iflag(attributes[tty.IFLAG])
            attributes[tty.CC][termios.VMIN] = 1
            termios.tcsetattr(self.fileno, termios.TCSANOW, attributes)
        except termios.error:
            pass  # in the background of a shell that nobody is left of; the hang-up is told by itself

    def _enable_mouse_support(self) -> None:
        self._wants_mouse = True
        super()._enable_mouse_support()

    def _disable_mouse_support(self) -> None:
        self._wants_mouse = False
        super()._disable_mouse_support()


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
