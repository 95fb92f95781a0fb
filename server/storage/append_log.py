"""Cuts the torn end off Redis' append-only log, as a power cut or a bad disk leaves it, and nothing more.

Redis itself forgives a last command that is too short, and refuses one that is followed by rubbish. What is cut off
here holds no whole command, so nothing that was acknowledged goes with it.
"""

from __future__ import annotations

import mmap
import os
import re
from dataclasses import dataclass
from pathlib import Path

_WORDS_MAX, _BYTES_MAX = 1 << 20, 512 << 20  # of a command, as Redis has it
_HEAD = re.compile(rb"\*(\d{1,7})\r\n\$\d{1,9}\r\n")
_NAME = re.compile(rb"[A-Za-z]{2,32}\Z")
_COPY_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Cut:
    """What was cut off: ``size`` bytes, now in ``kept``; behind the log as it is, they make the old one again."""

    size: int
    kept: Path


def cut_torn_end(log: Path, keep_in: Path) -> Cut | None:
    """Cut off what follows the last whole command of ``log``; None, and nothing is done, when that is not its end.

    ``log`` must be the newest of its directory and of no running server. Raises ``OSError``.
    """
    newest = max(log.parent.glob("*.incr.aof"), key=_number, default=None)
    if newest is None or newest != log:
        return None
    with log.open("r+b") as file:
        size = os.fstat(file.fileno()).st_size
        if size == 0:
            return None
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            whole, broken_at = _read(content)
            if broken_at == size or _holds_command(content, broken_at + 1):
                return None
        kept = keep_in / f"{log.name}.{whole}.torn"
        _copy(log, whole, kept)
        file.truncate(whole)
        os.fsync(file.fileno())
    return Cut(size - whole, kept)


def _number(log: Path) -> int:
    number = log.name.split(".")[-3]
    return int(number) if number.isdigit() else -1


def _read(content: mmap.mmap) -> tuple[int, int]:
    """Return up to where commands are whole, and transactions with them, and where reading stopped."""
    whole = at = 0
    in_transaction = False
    while at < len(content):
        if content[at : at + 1] == b"#":  # a time stamp
            end = content.find(b"\r\n", at, at + 64)
            if end < 0:
                break
            at = end + 2
        else:
            found = _command(content, at)
            if found is None:
                break
            name, at = found
            in_transaction = name == b"MULTI" or (in_transaction and name != b"EXEC")
        if not in_transaction:
            whole = at
    return whole, at


def _command(content: mmap.mmap, at: int) -> tuple[bytes, int] | None:
    """Return the name of the command that stands at ``at``, and its end; None when none is there as a whole."""
    words, at = _length(content, at, b"*")
    if not 0 < words <= _WORDS_MAX:
        return None
    name = b""
    for number in range(words):
        length, at = _length(content, at, b"$")
        end = at + length
        if not 0 <= length <= _BYTES_MAX or content[end : end + 2] != b"\r\n":
            return None
        if number == 0:
            name = content[at : min(end, at + 33)]
            if not _NAME.match(name):
                return None
        at = end + 2
    return name.upper(), at


def _length(content: mmap.mmap, at: int, sign: bytes) -> tuple[int, int]:
    """Return the number behind ``sign``, and where its line ends; -1 when none is there."""
    end = content.find(b"\r\n", at, at + 16)
    digits = content[at + 1 : end] if end > at else b""
    if content[at : at + 1] != sign or not digits.isdigit():
        return -1, at
    return int(digits), end + 2


def _holds_command(content: mmap.mmap, start: int) -> bool:
    """Say whether a whole command stands anywhere from ``start`` on."""
    return any(_command(content, head.start()) is not None for head in _HEAD.finditer(content, start))


def _copy(log: Path, start: int, target: Path) -> None:
    with log.open("rb") as source, target.open("wb") as copy:
        target.chmod(0o600)
        source.seek(start)
        while piece := source.read(_COPY_BYTES):
            copy.write(piece)
        copy.flush()
        os.fsync(copy.fileno())
