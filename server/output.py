"""Reads what a child writes, while it lives and what is left in the pipe after its end, into its log."""

from __future__ import annotations

import asyncio
import os

from server.lines import LineCutter
from server.logs import ChildLog
from server.process import Child

_READ_BYTES = 1 << 16
_LAST_READS = 16  # as much as a pipe holds; a grandchild may still be writing


class OutputReader:
    """Attached to the running loop until ``finish``. Owns the child's pipe."""

    def __init__(self, child: Child, log: ChildLog) -> None:
        assert child.output is not None
        self._fd = child.output
        self._log = log
        self._cutter = LineCutter()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._fd, self._read)

    def finish(self) -> None:
        """Read what is there, close the pipe."""
        for _ in range(_LAST_READS):
            if not self._read():
                break
        self._loop.remove_reader(self._fd)
        os.close(self._fd)
        self._write(*self._cutter.close())

    def _read(self) -> bool:
        """Take one piece; return whether there was one."""
        try:
            chunk = os.read(self._fd, _READ_BYTES)
        except BlockingIOError:
            return False
        if not chunk:
            self._loop.remove_reader(self._fd)
        self._write(*self._cutter.feed(chunk))
        return bool(chunk)

    def _write(self, *lines: str) -> None:
        for line in lines:
            self._log.write(line)
