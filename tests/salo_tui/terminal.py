"""A terminal for tests: runs a Textual app as a real process in a pty, counts its bytes and draws its screen.

    with Terminal("tests.salo_tui.log_app", size=(80, 24)) as terminal:
        terminal.wait_for("FOLLOW")
        terminal.press("G")
        assert terminal.bytes_in(1.0) == 0

``Screen`` understands what Textual writes and no more. It goes by the widths that Textual goes by: whether a real
terminal agrees is asked of tmux, ``TmuxTerminal``.
"""

from __future__ import annotations

import codecs
import fcntl
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
import tty
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import pytest
from rich.cells import get_character_cell_size

from tests.services import wait_until

ROOT = Path(__file__).resolve().parents[2]
KEYS = {
    "enter": "\r",
    "escape": "\x1b",
    "tab": "\t",
    "space": " ",
    "backspace": "\x7f",
    "up": "\x1b[A",
    "down": "\x1b[B",
    "right": "\x1b[C",
    "left": "\x1b[D",
    "home": "\x1b[H",
    "end": "\x1b[F",
    "pageup": "\x1b[5~",
    "pagedown": "\x1b[6~",
    "f1": "\x1bOP",
    **{f"ctrl+{letter}": chr(ord(letter) - 96) for letter in "abcdefghijklmnopqrstuvwxyz"},
}
_SEQUENCE = re.compile(
    r"\x1b(?:\[([0-9;?<>=]*)([ $]?)([@-~])|\][^\x07\x1b]*(?:\x07|\x1b\\)|P.*?\x1b\\|[()].|[^\[\]P()])"
)
_PARTIAL = re.compile(r"\x1b(?:\[[0-9;?<>= $]*|\][^\x07\x1b]*|P[^\x1b]*|[()])?\Z")


# A session leader without a terminal gets the first one it opens: then it learns of a new size and of our hanging up.
_ON_TERMINAL = 'tty=$1; shift; exec "$@" <"$tty" >"$tty" 2>&1'


def environment(term: str, more: Mapping[str, str]) -> dict[str, str]:
    """Return what the app sees: as little as possible, the same on each machine. The size is the terminal's to tell."""
    known = {"TERM": term, "COLORTERM": "truecolor", "LANG": "C.UTF-8", "TZ": "UTC"}
    return {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **known, **more}


def app_command(module: str, arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", module, *arguments]


class Screen:
    """What a terminal of a given size shows: cells, each a sign with what combines with it."""

    def __init__(self, columns: int, lines: int) -> None:
        self.columns, self.lines = columns, lines
        self._cells = [[" "] * columns for _ in range(lines)]
        self._x = self._y = 0
        self._rest = ""

    def feed(self, text: str) -> None:
        """Take what the app wrote; a sequence that is cut off waits for its end."""
        text, self._rest = self._rest + text, ""
        if partial := _PARTIAL.search(text):
            text, self._rest = text[: partial.start()], partial[0]
        at = 0
        for match in _SEQUENCE.finditer(text):
            self._write(text[at : match.start()])
            self._obey(match)
            at = match.end()
        self._write(text[at:])

    def text(self) -> str:
        """Return the lines, without blanks at their ends."""
        return "\n".join("".join(row).rstrip() for row in self._cells)

    def column_of(self, sign: str, line: int) -> int:
        """Return the last column in which ``sign`` stands, -1 if it does not."""
        row = self._cells[line]
        return max((column for column, cell in enumerate(row) if cell == sign), default=-1)

    def _write(self, text: str) -> None:
        for sign in text:
            if sign == "\r":
                self._x = 0
            elif sign == "\n":
                self._x, self._y = 0, min(self._y + 1, self.lines - 1)
            elif sign >= " ":
                self._put(sign, get_character_cell_size(sign))

    def _put(self, sign: str, width: int) -> None:
        row = self._cells[self._y]
        if not width:
            if self._x:
                row[self._x - 1 if row[self._x - 1] else self._x - 2] += sign
            return
        for cell in range(self._x, min(self._x + width, self.columns)):
            row[cell] = sign if cell == self._x else ""
        self._x += width

    def _obey(self, match: re.Match[str]) -> None:
        numbers, kind = match[1] or "", match[3]
        if kind == "H":
            line, _, column = numbers.partition(";")
            self._y = min(int(line or 1), self.lines) - 1
            self._x = min(int(column or 1), self.columns) - 1
        elif kind == "J" and numbers == "2":
            self._cells = [[" "] * self.columns for _ in range(self.lines)]


class Terminal:
    """One app in one pty. A thread reads all the time, unless told to stall."""

    def __init__(
        self,
        module: str,
        *arguments: str,
        size: tuple[int, int] = (80, 24),
        term: str = "xterm-256color",
        env: Mapping[str, str] | None = None,
        wrap: Sequence[str] = (),
    ) -> None:
        self.screen = Screen(*size)
        self.received = 0  # bytes since the start
        self.tail = b""  # the last 64 kB as they came
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._lock, self._reading, self._closing = threading.Lock(), threading.Event(), False
        self._reading.set()
        self._master, slave = pty.openpty()
        _set_size(slave, size)
        app = [*wrap, *app_command(module, arguments)]
        # Whoever started the tests may have told them to outlive their terminal: this one is another.
        command = ["env", "--default-signal=HUP", "/bin/sh", "-c", _ON_TERMINAL, "sh", os.ttyname(slave), *app]
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment(term, env or {}), start_new_session=True)
        wait_until(lambda: self._is_open() or self.process.poll() is not None)
        os.close(slave)
        self._thread = threading.Thread(target=self._read, name="terminal", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def close(self) -> None:
        """End the app and hang up."""
        self.resume()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)
        self.hang_up()

    def hang_up(self) -> None:
        """Go away, as ssh does whose line is cut; the app may live on."""
        if not self._closing:
            self._closing = True
            self._thread.join(10)
            os.close(self._master)

    def press(self, *keys: str) -> None:
        """Press keys by name (``up``, ``ctrl+u``), or type what is no name."""
        for key in keys:
            self.send(KEYS.get(key, key).encode())

    def send(self, data: bytes) -> None:
        """Send bytes as they are, as a terminal of another encoding does."""
        os.write(self._master, data)

    def resize(self, columns: int, lines: int) -> None:
        """Change the size; the app learns it by a signal."""
        with self._lock:
            self.screen = Screen(columns, lines)
        _set_size(self._master, (columns, lines))

    @property
    def is_raw(self) -> bool:
        """Whether keys reach the app one by one, and are not echoed."""
        return not termios.tcgetattr(self._master)[tty.LFLAG] & (termios.ECHO | termios.ICANON | termios.ISIG)

    def cook(self) -> None:
        """Set the terminal as a shell does that has it."""
        attributes = termios.tcgetattr(self._master)
        attributes[tty.LFLAG] |= termios.ECHO | termios.ICANON | termios.ISIG | termios.IEXTEN
        attributes[tty.IFLAG] |= termios.ICRNL | termios.IXON
        termios.tcsetattr(self._master, termios.TCSANOW, attributes)

    def stall(self) -> None:
        """Stop reading: a closed laptop."""
        self._reading.clear()

    def resume(self) -> None:
        self._reading.set()

    def text(self) -> str:
        """Return the screen as it is now."""
        with self._lock:
            return self.screen.text()

    def wait_for(self, text: str, timeout_s: float = 10) -> str:
        """Wait until the screen shows ``text`` and return it whole; show what was there instead."""
        end = time.monotonic() + timeout_s
        while text not in (shown := self.text()):
            ended = self.process.poll()
            if ended is not None or time.monotonic() > end:
                state = "runs" if ended is None else f"ended with {ended}"
                raise AssertionError(
                    f"no {text!r} within {timeout_s} s, the app {state}:\n{shown}\n{self.tail[-2000:]!r}"
                )
            time.sleep(0.005)
        return shown

    def settle(self, quiet_s: float = 0.4, timeout_s: float = 10) -> None:
        """Wait until nothing came for ``quiet_s``."""
        end = time.monotonic() + timeout_s
        while self.bytes_in(quiet_s):
            assert time.monotonic() < end, f"the app does not fall silent:\n{self.text()}"

    def bytes_in(self, seconds: float) -> int:
        """Return how many bytes come in a stretch of time."""
        before = self.received
        time.sleep(seconds)  # the time itself is what is measured
        return self.received - before

    def _is_open(self) -> bool:
        """Return whether the app has the terminal: from then on it may be the only one."""
        try:
            return str(Path(f"/proc/{self.process.pid}/fd/2").readlink()).startswith("/dev/pts/")
        except OSError:
            return False

    def _read(self) -> None:
        while not self._closing:
            if not self._reading.wait(0.05) or not select.select([self._master], [], [], 0.05)[0]:
                continue
            try:
                data = os.read(self._master, 65536)
            except OSError:  # EIO: nobody has the other end any more
                return
            with self._lock:
                self.received += len(data)
                self.tail = (self.tail + data)[-65536:]
                self.screen.feed(self._decode(data))


class TmuxTerminal:
    """The same app inside tmux: another opinion about the width of signs. Skips the test without tmux."""

    def __init__(self, module: str, *arguments: str, size: tuple[int, int] = (80, 24)) -> None:
        program = shutil.which("tmux")
        if program is None:
            pytest.skip("tmux is not installed; widths were compared with our own reading of them only")
        self._tmux = [program, "-L", f"salo-{uuid.uuid4().hex[:8]}", "-f", "/dev/null"]
        columns, lines = size
        env = environment("tmux-256color", {"SHELL": "/bin/sh"})
        variables = [word for name, value in env.items() for word in ("-e", f"{name}={value}")]
        size_words = ["-x", str(columns), "-y", str(lines)]
        command = ["-u", "new-session", "-d", *size_words, *variables, *app_command(module, arguments)]
        subprocess.run([*self._tmux, *command], cwd=ROOT, env=env, check=True, timeout=10)
        self._run("set", "status", "off")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._run("kill-server")

    def press(self, *keys: str) -> None:
        for key in keys:
            self._run("send-keys", "-l", KEYS.get(key, key))

    def text(self) -> str:
        """Return the screen as tmux has it, without blanks at the ends of lines."""
        return self._run("capture-pane", "-p").rstrip("\n")

    def wait_for(self, text: str, timeout_s: float = 10) -> str:
        wait_until(lambda: text in self.text(), timeout_s=timeout_s)
        return self.text()

    def _run(self, *words: str) -> str:
        return subprocess.run([*self._tmux, *words], capture_output=True, text=True, check=True, timeout=10).stdout


def _set_size(descriptor: int, size: tuple[int, int]) -> None:
    columns, lines = size
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
