"""Facts laid out in lines: a label in its column, and beside it a text folded into so many rows. Pure."""

from __future__ import annotations

from salo_tui.widgets.cells import printable
from salo_tui.widgets.fit import fit
from salo_tui.widgets.table_lines import Piece
from salo_tui.widgets.wrap import folds

LABEL_CELLS = 10


def fact(label: str, text: str, width: int, *, rows: int = 1, tone: str = "") -> list[list[Piece]]:
    """Return a fact in at most ``rows`` lines of ``width`` cells; what does not fit ends in ``…``."""
    room = max(width - LABEL_CELLS, 1)
    shown = folded(text, room, rows)
    labels = [fit(label, LABEL_CELLS - 1) + " ", *[" " * LABEL_CELLS] * (len(shown) - 1)]
    return [[Piece(name, "dim"), Piece(part, tone)] for name, part in zip(labels, shown, strict=True)]


def folded(text: str, width: int, rows: int) -> list[str]:
    """Return a text of one line in one to ``rows`` rows."""
    shown = printable(text)
    spans = folds(shown, width, width)
    parts = [shown[first:last] for first, last in spans[:rows]]
    if len(spans) > rows:
        parts[-1] = fit(shown[spans[rows - 1][0] :], width).rstrip()
    return parts
