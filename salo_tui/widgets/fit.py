"""Text in an exact number of cells: cut or filled, to the left or to the right."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

from rich.cells import cell_len

from salo_tui.widgets.cells import printable, window

CUT_MARK = "…"

Align = Literal["left", "right"]


@lru_cache(8192)
def fit(text: str, width: int, align: Align = "left") -> str:
    """Return the text, made printable, in exactly ``width`` cells; what is too long ends in ``…``."""
    shown = printable(text)
    if width > 0 and cell_len(shown) > width:
        shown = shown[: window(shown, 0, width - 1).last] + CUT_MARK
    elif width <= 0:
        shown = ""
    blank = " " * (width - cell_len(shown))
    return blank + shown if align == "right" else shown + blank
