"""Why a server of ours ended, by its last words, and what is done about it before its next start. Blocks for files."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from db.texts import N_
from server.childspec import Cause
from server.storage.append_log import cut_torn_end

RETRY_MOST_S = 3.0  # everything waits for Redis, and much for MariaDB: a try costs little
ROOM_MB = 16  # free on the disk before a server that ended for want of room is started again
LOGS = "appendonlydir"  # Redis' default name

_FULL = re.compile(
    r"No space left on device|Disk quota exceeded|[Ee]rrcode: (28|122)\b|OS error: 28\b"
    r"|Short write while writing to the AOF"  # what is left of the room was taken, and then there was none
)
_BROKEN = re.compile(r"Bad file format reading the append only file ([\w.-]+)")


def redis_cause(directory: Path, said: Sequence[str]) -> Cause | None:
    """Return why Redis in ``directory`` ended, or None when its words do not tell. A torn end of its log is cut off."""
    for line in said:
        if _FULL.search(line):
            return disk_full(directory)
        if broken := _BROKEN.search(line):
            return _mended(directory / LOGS / broken[1], directory)
    return None


def maria_cause(directory: Path, said: Sequence[str]) -> Cause | None:
    """Return why MariaDB in ``directory`` ended, or None."""
    return disk_full(directory) if any(map(_FULL.search, said)) else None


def disk_full(place: Path) -> Cause:
    """Return the cause that is over when there is room again."""
    text = N_("the disk is full: it starts again by itself when {mb} MiB are free for {place}; make room there")
    return Cause(text, {"mb": ROOM_MB, "place": place}, is_over=lambda: _has_room(place))


def _has_room(place: Path) -> bool:
    try:
        return shutil.disk_usage(place).free >= ROOM_MB << 20
    except OSError:
        return True  # the next start will tell


def _mended(log: Path, keep_in: Path) -> Cause:
    try:
        cut = cut_torn_end(log, keep_in)
    except OSError as error:
        text = N_("the end of its log {file} is torn and could not be cut off: {error}")
        return Cause(text, {"file": log, "error": error})
    if cut is not None:
        text = N_("the end of its log was torn: {bytes} bytes without a whole command were cut off and kept in {file}")
        return Cause(text, {"bytes": cut.size, "file": cut.kept}, is_mended=True)
    text = N_(
        "its log {file} is broken, and not at its end alone: nothing was changed; put a backup in its place, or see "
        "redis-check-aof --fix, which gives up all that stands behind the break; it starts again when the file changes"
    )
    return Cause(text, {"file": log}, is_over=_changed(log))


def _changed(file: Path) -> Callable[[], bool]:
    """Return what says whether somebody has changed ``file`` since now."""
    before = _stamp(file)
    return lambda: _stamp(file) != before


def _stamp(file: Path) -> tuple[int, int]:
    try:
        found = file.stat()
    except OSError:
        return 0, 0
    return found.st_size, found.st_mtime_ns
