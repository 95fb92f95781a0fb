"""What a worker writes to stdout and stderr: passed on line by line, bounded in each second, the last of it kept.

Every worker has a pipe of its own, so that one which floods it waits alone: it is read at a rate that costs the
platform nothing, and its deadline ends it.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable
from datetime import datetime

from server.lines import LINE_MAX, LineCutter, clean

BYTES_PER_S = 128 << 10  # read of one worker; what is above waits in the worker's write
TAIL_MAX = 8000  # characters of the last words
_READ_BYTES = 16 << 10
_LINES_PER_READ = 64  # of more the middle is dropped and counted
_LAST_READS = 8  # as much as a pipe holds, twice
_TAIL_LINES = 80
_LEVELS = ("debug", "info", "warning", "error")


class Saying:
    """Attached to the running loop until ``finish``. Owns the pipe; None: what it writes goes elsewhere."""

    def __init__(self, output: int | None, on_line: Callable[[str], None]) -> None:
        self._fd = output
        self._on_line = on_line
        self._cutter = LineCutter()
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._secret = ""
        self._loop = asyncio.get_running_loop()
        self._read_this_s, self._second_began_s = 0, 0.0
        if output is not None:
            os.set_blocking(output, False)
            self._loop.add_reader(output, self._on_readable)

    def begin(self, secret: str) -> None:
        """Forget what was said before this job; ``secret`` shows in no line from now on."""
        self._tail.clear()
        self._secret = secret

    def say(self, level: str, text: str) -> None:
        """Pass on what it reported as a line of its job, in the form that our own logs have."""
        shown = level if level in _LEVELS else "info"
        now = datetime.now().strftime("%Y-%m-%d %H:%M:%S,%f")[:-3]
        self._pass_on(f"{now} {shown.upper()} worker: {clean(text[:LINE_MAX].encode('utf-8', 'replace'))}")

    def hear_out(self) -> None:
        """Read on though it said too much: it is about to say why it ends."""
        if self._fd is not None:
            self._read_this_s = 0
            self._loop.add_reader(self._fd, self._on_readable)

    def finish(self) -> str:
        """Read what is there, close the pipe, and return the end of what was said since ``begin``."""
        if self._fd is not None:
            self._read_all()
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = None
            self._pass_on(*self._cutter.close())
        return "\n".join(self._tail)[-TAIL_MAX:]

    def _on_readable(self) -> None:
        if self._loop.time() - self._second_began_s >= 1:
            self._read_this_s, self._second_began_s = 0, self._loop.time()
        self._read_this_s += self._read()
        if self._read_this_s > BYTES_PER_S and self._fd is not None:
            self._loop.remove_reader(self._fd)
            self._loop.call_later(1, self.hear_out)

    def _read_all(self) -> None:
        for _ in range(_LAST_READS):
            if not self._read():
                return

    def _read(self) -> int:
        """Take one piece; return its length."""
        if self._fd is None:
            return 0
        try:
            chunk = os.read(self._fd, _READ_BYTES)
        except BlockingIOError:
            return 0
        if not chunk:
            self._loop.remove_reader(self._fd)
        self._pass_on(*self._cutter.feed(_thinned(chunk)))
        return len(chunk)

    def _pass_on(self, *lines: str) -> None:
        for line in lines:
            shown = line.replace(self._secret, "***") if self._secret else line
            self._tail.append(shown)
            self._on_line(shown)


def _thinned(chunk: bytes) -> bytes:
    """Return a piece without the middle of its lines when they are too many."""
    if chunk.count(b"\n") <= _LINES_PER_READ:
        return chunk
    lines = chunk.split(b"\n")
    half = _LINES_PER_READ // 2
    dropped = len(lines) - 2 * half
    return b"\n".join([*lines[:half], b"(%d lines dropped)" % dropped, *lines[-half:]])
