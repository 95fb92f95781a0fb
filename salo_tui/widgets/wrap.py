"""Long lines folded into rows of cells: after a blank near the edge, else right at it. Pure."""

from __future__ import annotations

from rich.cells import get_character_cell_size

CELLS_MIN = 2  # a row holds at least one wide sign
LOOK_BACK = 3  # a blank is looked for in the last third of a row

Fold = tuple[int, int]


def folds(text: str, first: int, rest: int) -> list[Fold]:
    """Return the spans of a printable text in its rows: ``first`` cells in the upper one, ``rest`` in those below.

    There is always at least one row. A row too narrow for a sign gets that sign all the same.
    """
    found: list[Fold] = []
    start, width, ascii = 0, max(first, CELLS_MIN), text.isascii()
    while True:
        end = min(start + width, len(text)) if ascii else _fitting(text, start, width)
        if end == len(text):
            return [*found, (start, end)]
        blank = text.rfind(" ", end - (end - start) // LOOK_BACK, end)
        end = end if blank < 0 else blank + 1
        found.append((start, end))
        start, width = end, max(rest, CELLS_MIN)


def _fitting(text: str, start: int, width: int) -> int:
    """Return the index up to which the text from ``start`` on fits into ``width`` cells."""
    cell = 0
    for index in range(start, len(text)):
        size = get_character_cell_size(text[index])
        if size and cell + size > width:
            return index
        cell += size
    return len(text)
