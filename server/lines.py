"""Cuts a child's output into lines that are safe to keep and to show: bounded, decoded, without control characters."""

from __future__ import annotations

import re
from collections.abc import Iterator

LINE_MAX = 4096  # bytes of one line; the rest of a longer one is dropped
_CUT = " …"

# What a chatter wrote may be in a log line, and must not move the cursor of whoever reads it.
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


class LineCutter:
    """Holds the unfinished last line between two reads: never more than ``LINE_MAX`` bytes."""

    def __init__(self) -> None:
        self._rest = b""
        self._is_dropping = False  # inside the tail of a line that was too long

    def feed(self, chunk: bytes) -> Iterator[str]:
        """Yield the lines that ``chunk`` ends."""
        *ended, rest = chunk.split(b"\n")
        for piece in ended:
            yield from self._end(piece)
        self._add(rest)

    def close(self) -> Iterator[str]:
        """Yield the last line, if the output did not end with a newline."""
        if self._rest or self._is_dropping:
            yield from self._end(b"")

    def _end(self, piece: bytes) -> Iterator[str]:
        self._add(piece)
        line = clean(self._rest) + (_CUT if self._is_dropping else "")
        self._rest, self._is_dropping = b"", False
        yield line

    def _add(self, piece: bytes) -> None:
        room = LINE_MAX - len(self._rest)
        self._is_dropping = self._is_dropping or len(piece) > room
        self._rest += piece[:room]


def clean(line: bytes) -> str:
    """Return the text of a line: broken UTF-8 and control characters become U+FFFD, a carriage return's end is cut."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", line.rstrip(b"\r").decode("utf-8", "replace"))
