"""Text from outside made fit for a terminal, and cut by cells. Nothing here interprets what a text says.

Terminals disagree about the width of joined emoji, variation selectors and skin tones. We show such a cluster as
its single signs, whose widths are beyond dispute: a column never moves, whatever a person writes.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from rich.cells import get_character_cell_size

LINE_MAX = 4096  # characters shown of one line
MARKS_MAX = 4  # combining marks shown on one letter

_JOINERS = "\u200c\u200d\ufe00-\ufe0f\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f"
_HIDDEN = (
    "\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e001f\U000e0080-\U000e0fff"
)
_CONTROLS, _HALVES, _MARKS = "\x00-\x1f\x7f-\x9f", "\ud800-\udfff\ufffe\uffff", "\u0300-\u036f\u0483-\u0489"
_ODD = re.compile(f"[{_CONTROLS}{_HIDDEN}{_JOINERS}{_HALVES}]|(?<=[{_MARKS}]{{{MARKS_MAX}}})[{_MARKS}]+")
_DROPPED = re.compile(f"[{_JOINERS}{_MARKS}]")
_BROKEN = re.compile(f"[{_HALVES}]")


def printable(text: str) -> str:
    """Return ``text`` so that each of its signs stands still: nothing moves the cursor, turns the line or hides.

    Controls become their pictures (``␛``), a tab four spaces, signs that cannot be seen their number (``‹202e›``),
    halves of signs ``�``. A text of more than ``LINE_MAX`` signs is cut and says how much is missing.
    """
    if len(text) > LINE_MAX:
        text = f"{text[:LINE_MAX]}… +{len(text) - LINE_MAX}"
    return text if text.isascii() and text.isprintable() else _ODD.sub(_shown, text)


def _shown(match: re.Match[str]) -> str:
    sign = match[0][0]
    code = ord(sign)
    if _DROPPED.match(sign):
        return ""
    if sign == "\t":
        return "    "
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    return "\ufffd" if _BROKEN.match(sign) else f"‹{code:x}›"


class Window(NamedTuple):
    """The part ``text[first:last]`` of a text that a window shows, with blank cells before and after it.

    Blank cells stand before it where the window begins in the middle of a wide sign.
    """

    first: int
    last: int
    before: int
    after: int


def window(text: str, start: int, width: int) -> Window:
    """Return what of a printable text is seen through ``width`` cells from cell ``start`` on. Looks no further."""
    if text.isascii():
        first, last = min(start, len(text)), min(start + width, len(text))
        return Window(first, last, 0, width - (last - first))
    cell, first, before, end = 0, -1, 0, start + width
    for index, sign in enumerate(text):
        size = get_character_cell_size(sign)
        if first < 0 and size and cell >= start:
            first, before = index, cell - start
        if size and cell + size > end:
            return Window(first, index, before, end - cell) if first >= 0 else Window(index, index, 0, width)
        cell += size
    if first < 0:
        return Window(len(text), len(text), 0, width)
    return Window(first, len(text), before, end - cell)


def alike(one: str, other: str) -> int:
    """Return how many characters two texts begin with alike."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
