"""What a table draws, as values: columns laid out, rows as lines of pieces, and what a change makes dirty."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from salo_tui.widgets.cells import alike
from salo_tui.widgets.fit import CUT_MARK, Align, fit
from salo_tui.widgets.rows import Cell, Row

CURSOR, MARK, GUTTER = "▸", "*", 2
FOUND = "found"
MOVE_CELLS = 8  # what it costs to go on elsewhere in a line: fewer cells between are written once more


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its width in cells is fixed, or, for one column of a table, what the others leave (``fill``)."""

    title: str
    width: int
    align: Align = "left"
    fill: bool = False


class Piece(NamedTuple):
    """A run of text in one tone."""

    text: str
    tone: str = ""


DrawnCell = tuple[Piece, ...]


class Line(NamedTuple):
    """One line as it is drawn: ``kind`` colours all of it (``cursor``, ``marked`` or nothing)."""

    kind: str
    cells: tuple[DrawnCell, ...]


class Span(NamedTuple):
    """Cells of one line that are to be drawn again."""

    y: int
    x: int
    width: int


EMPTY = Line("", ())


def widths(columns: Sequence[Column], width: int) -> tuple[int, ...]:
    """Return the cells each column gets in a table of ``width`` cells; those that do not fit get fewer, or none."""
    fixed = GUTTER + sum(column.width + 1 for column in columns if not column.fill)
    wanted = [max(column.width, width - fixed) if column.fill else column.width for column in columns]
    left, given = width - GUTTER, []
    for want in wanted:
        given.append(max(0, min(want, left)))
        left -= given[-1] + 1
    return tuple(given)


def header(columns: Sequence[Column], given: Sequence[int]) -> Line:
    """Return the line of the columns' titles."""
    titles = [(Piece(fit(column.title, width, column.align)),) for column, width in zip(columns, given, strict=True)]
    return Line("header", ((Piece("M".ljust(GUTTER)),), *titles))


class Drawing(NamedTuple):
    """All that decides how a row looks besides the row itself."""

    columns: tuple[Column, ...]
    widths: tuple[int, ...]
    search: re.Pattern[str] | None


def draw(row: Row | None, drawing: Drawing, *, at_cursor: bool, marked: bool) -> Line:
    """Return the line of a row; of one whose page is not there yet, its place alone."""
    if row is None:
        row = Row("", (Cell(CUT_MARK, "dim"),))
    kind = "cursor" if at_cursor else "marked" if marked else ""
    cells = [*row.cells, *[""] * (len(drawing.columns) - len(row.cells))]
    drawn = [
        _cell(cell, column.align, width, drawing.search)
        for cell, column, width in zip(cells, drawing.columns, drawing.widths, strict=False)
    ]
    return Line(kind, ((Piece(_gutter(at_cursor, marked)),), *drawn))


def _gutter(at_cursor: bool, marked: bool) -> str:
    signs = (CURSOR if at_cursor else "") + (MARK if marked else "")
    return signs.ljust(GUTTER)


def _cell(cell: Cell | str, align: Align, width: int, search: re.Pattern[str] | None) -> DrawnCell:
    text, tone = (cell, "") if isinstance(cell, str) else cell
    shown = fit(text, width, align)
    found = list(search.finditer(shown)) if search else []
    pieces, at = [], 0
    for match in found:
        pieces += [Piece(shown[at : match.start()], tone), Piece(match.group(), FOUND)]
        at = match.end()
    return tuple(piece for piece in [*pieces, Piece(shown[at:], tone)] if piece.text)


def search_pattern(text: str) -> re.Pattern[str] | None:
    """Return what finds ``text``, as typed, in any case; nothing finds nothing."""
    return re.compile(re.escape(text), re.IGNORECASE) if text else None


def reads(row: Row | None, search: re.Pattern[str]) -> bool:
    """Return whether a cell of the row holds what is searched for, also where a narrow column does not show it."""
    return row is not None and any(search.search(cell if isinstance(cell, str) else cell.text) for cell in row.cells)


def dirty(old: Sequence[Line], new: Sequence[Line], given: Sequence[int], width: int) -> list[Span] | None:
    """Return what must be drawn again, or ``None`` when that is best done for the table as a whole.

    In a line that is as meant as before only what changed in its cells, and the few cells between; else the line; and
    the whole when more than half of the lines are wholly new.
    """
    if len(old) != len(new):
        return None
    spans: list[Span] = []
    lines = 0
    for y, (before, after) in enumerate(zip(old, new, strict=True)):
        found = _dirty_line(y, before, after, given, width)
        lines += any(span.width == width for span in found)
        spans += found
    return None if lines * 2 > len(new) else spans


def _dirty_line(y: int, old: Line, new: Line, given: Sequence[int], width: int) -> list[Span]:
    if old == new:
        return []
    if old.kind != new.kind or len(old.cells) != len(new.cells):
        return [Span(y, 0, width)]
    spans: list[Span] = []
    for place, (before, after) in enumerate(zip(old.cells, new.cells, strict=True)):
        if before != after:
            span = _narrowed(_span(y, place, given), before, after)
            near = bool(spans) and span.x - spans[-1].x - spans[-1].width <= MOVE_CELLS
            spans.append(_joined(spans.pop(), span) if near else span)
    return spans


def _joined(left: Span, right: Span) -> Span:
    return left._replace(width=right.x + right.width - left.x)


def _narrowed(span: Span, old: DrawnCell, new: DrawnCell) -> Span:
    """Return the span without what a cell begins and ends with as before, as far as that is told easily."""
    if len(old) != 1 or len(new) != 1 or old[0].tone != new[0].tone:
        return span
    before, after = old[0].text, new[0].text
    if not (before.isascii() and after.isascii() and len(before) == len(after)):
        return span
    first = alike(before, after)
    same = alike(before[:first:-1], after[:first:-1])
    return span._replace(x=span.x + first, width=len(after) - first - same)


def _span(y: int, place: int, given: Sequence[int]) -> Span:
    """Return where the cell of a place is; the gutter is place 0."""
    if place == 0:
        return Span(y, 0, GUTTER)
    before = given[: place - 1]
    return Span(y, GUTTER + sum(before) + len(before), given[place - 1])
