"""What the children say: into one rotated file each, to whoever listens, and the last lines kept at hand."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from db.settings import Settings

TAIL_LINES = 20  # kept of each child for the reason of its failure
LINES_PER_S = 500  # of one child; what is above is counted and dropped


class RotatedFile:
    """A file that is moved to ``.1``, ``.2`` … when it is full; the oldest goes. A full disk loses lines, not us."""

    def __init__(self, path: Path, bytes_max: int, files_max: int) -> None:
        self._path = path
        self._bytes_max = bytes_max
        self._files_max = files_max
        self._fd: int | None = None
        self._size = 0

    def write(self, data: bytes) -> None:
        try:
            if self._fd is None or self._size + len(data) > self._bytes_max:
                self._turn(len(data))
            assert self._fd is not None
            self._size += os.write(self._fd, data)
        except OSError:
            return

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _turn(self, coming: int) -> None:
        """Have an open file with room for ``coming`` bytes, moving full ones on."""
        self.close()
        if _size(self._path) + coming > self._bytes_max:
            for number in range(self._files_max - 1, 0, -1):
                source = self._numbered(number - 1)
                if source.exists():
                    source.replace(self._numbered(number))
            if self._files_max == 1:
                self._path.unlink(missing_ok=True)
        self._fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._size = _size(self._path)

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}") if number else self._path


class ChildLog:
    """One child's lines. ``write`` is quick and never fails."""

    def __init__(
        self,
        name: str,
        file: RotatedFile,
        on_line: Callable[[str, str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._file = file
        self._on_line = on_line
        self._clock = clock
        self._second = int(clock())
        self._lines_this_second = 0
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self.kept = 0  # lines, ever

    def write(self, line: str) -> None:
        """Keep a line and pass it on, unless the child has said too much in this second."""
        second = int(self._clock())
        if second != self._second:
            self._tell_dropped()
            self._second, self._lines_this_second = second, 0
        self._lines_this_second += 1
        if self._lines_this_second <= LINES_PER_S:
            self._keep(line)

    def tail(self) -> Sequence[str]:
        """Return its last lines, the latest last."""
        return list(self._tail)

    def tail_since(self, kept: int) -> Sequence[str]:
        """Return those of its last lines that came after ``kept`` was what it is named for."""
        new = self.kept - kept
        return list(self._tail)[-new:] if new > 0 else []

    def close(self) -> None:
        self._tell_dropped()
        self._lines_this_second = 0
        self._file.close()

    def _tell_dropped(self) -> None:
        dropped = self._lines_this_second - LINES_PER_S
        if dropped > 0:
            self._keep(f"({dropped} lines dropped: more than {LINES_PER_S} in a second)")

    def _keep(self, line: str) -> None:
        self._tail.append(line)
        self.kept += 1
        stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
        self._file.write(f"{stamp}Z {line}\n".encode("utf-8", "replace"))
        self._on_line(self._name, line)


def open_log(settings: Settings, name: str, on_line: Callable[[str, str], None]) -> ChildLog:
    """Return the log of the child ``name``: ``logs/<name>.log``, bounded as ``[platform]`` says."""
    path = settings.state.logs / f"{name}.log"
    return ChildLog(name, RotatedFile(path, settings.platform.log_file_mb << 20, settings.platform.log_files), on_line)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
