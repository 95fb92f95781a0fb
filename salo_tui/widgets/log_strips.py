"""The rows of a log pane as strips, made once and kept as long as they may be seen again. Bounded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from salo_tui.widgets.cells import alike
from salo_tui.widgets.log_row import Layout
from salo_tui.widgets.reader import Seen
from salo_tui.widgets.ring import Record, Words
from salo_tui.widgets.wrap import Fold

KEPT_MAX = 512  # rows, and lines of which the folds are known; the oldest are made anew
_Made = TypeVar("_Made")


class Strips:
    """Rows by the number of their line and their place in it. Whoever changes how they look calls ``forget``."""

    def __init__(self, layout: Layout, style: Callable[[str], Style]) -> None:
        self._style = style
        self._layout = layout
        self._strips: dict[tuple[int, int], Strip] = {}
        self._folds: dict[int, Sequence[Fold]] = {}

    @property
    def layout(self) -> Layout:
        return self._layout

    def lay_out(self, layout: Layout) -> None:
        """Use other columns from now on."""
        self._layout = layout
        self._folds.clear()
        self.forget()

    def forget(self) -> None:
        """Make all rows anew when they are asked for; the folds stay as they are."""
        self._strips.clear()

    def folds(self, record: Record) -> Sequence[Fold]:
        """Return of which rows a line consists."""
        found = self._folds.get(record.number)
        return found if found is not None else _keep(self._folds, record.number, self._layout.folds(record))

    def strip(self, seen: Seen, wanted: Words | None, marked: str) -> Strip:
        """Return one row; ``marked`` is the style of what is searched in it."""
        record, part = seen
        found = self._strips.get((record.number, part))
        if found is not None:
            return found
        segments = self._layout.segments(record, self.folds(record)[part], wanted, marked, self._style)
        return _keep(self._strips, (record.number, part), Strip(segments, self._layout.width))


def differing(old: Strip, new: Strip) -> tuple[int, int]:
    """Return from which cell up to which two rows of one width differ at most; an empty span if they do not.

    What they begin with alike and the blanks at their ends are left out; a look at each cell would cost too much.
    """
    first = _same_cells(old, new)
    last = max(new.cell_length - _blanks(old, new), first)
    return first, last


def _same_cells(old: Strip, new: Strip) -> int:
    """Return how many cells two rows begin with alike."""
    cells = 0
    for before, now in zip(old, new, strict=False):
        if before != now:
            is_plain = before.style == now.style and before.text.isascii() and now.text.isascii()
            return cells + (alike(before.text, now.text) if is_plain else 0)
        cells += now.cell_length
    return cells


def _blanks(old: Strip, new: Strip) -> int:
    """Return how many blanks of one look two rows end with."""
    ends = [next(reversed(strip), Segment("")) for strip in (old, new)]
    if ends[0].style != ends[1].style:
        return 0
    return min(len(end.text) - len(end.text.rstrip(" ")) for end in ends)


def _keep(kept: dict[Any, _Made], key: object, made: _Made) -> _Made:
    while len(kept) >= KEPT_MAX:
        del kept[next(iter(kept))]
    kept[key] = made
    return made
