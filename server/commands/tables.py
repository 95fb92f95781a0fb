"""Plain tables for people: columns as wide as their widest cell, headed in the language in use."""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Iterable, Sequence

from db.texts import N_, _

CELL_MAX = 60  # letters
_UNITS = ((N_("d"), 86_400), (N_("h"), 3600), (N_("min"), 60), (N_("s"), 1))


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return the rows under their heads, one a line; ``None`` shows as ``--``."""
    cells = [list(heads), *([_cell(value) for value in row] for row in rows)]
    widths = [max(map(_width, column)) for column in zip(*cells, strict=True)]
    return "\n".join(_line(row, widths) for row in cells)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell + " " * (width - _width(cell)) for cell, width in zip(cells, widths, strict=True))
    return "  ".join(padded).rstrip()


def _cell(value: object) -> str:
    if value is None:
        return "--"
    text = f"{value:.1f}" if isinstance(value, float) else str(value)
    flat = "".join(sign if sign.isprintable() else " " for sign in text)
    return flat if len(flat) <= CELL_MAX else flat[: CELL_MAX - 1] + "…"


def _width(text: str) -> int:
    return sum(_columns(sign) for sign in text)


def _columns(sign: str) -> int:
    if unicodedata.combining(sign):
        return 0
    return 2 if unicodedata.east_asian_width(sign) in "WF" else 1


def duration(seconds: float | None) -> str:
    """Return a span of time in its two largest units: ``3 d 4 h``, ``5 min 7 s``."""
    if seconds is None:
        return "--"
    left = max(0, round(seconds))
    parts: list[str] = []
    for unit, size in _UNITS:
        count, left = divmod(left, size)
        if count or (size == 1 and not parts):
            parts.append(f"{count} {_(unit)}")
    return " ".join(parts[:2])


def age(at_ms: int) -> str:
    """Return how long ago a moment was, by this host's clock."""
    return duration(time.time() - at_ms / 1000)
