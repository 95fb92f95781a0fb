"""A table of live rows on Textual's line API: a changed number costs its own cells on the wire, not the table.

It draws what it is given (``set_rows``, or ``set_length`` and ``put_page`` for long lists) and says what the operator
does with it (``Highlighted``, ``Selected``, ``MarksChanged``, ``PageWanted``). Widths are fixed, texts never markup.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from db.texts import N_
from salo_tui.widgets.fit import fit
from salo_tui.widgets.lean import send_lean
from salo_tui.widgets.rows import PAGE_ROWS, Row, Rows
from salo_tui.widgets.table_lines import (
    EMPTY,
    GUTTER,
    Column,
    Drawing,
    Line,
    Piece,
    dirty,
    draw,
    header,
    reads,
    search_pattern,
    widths,
)

WHEEL_ROWS = 3
_STYLES = ("header", "cursor", "marked", "good", "warn", "bad", "dim", "found")


class SpanTable(Widget, can_focus=True):
    """The table. Its cursor stays on its row by id, wherever that row moves; marks do too."""

    ALLOW_SELECT = False  # a selection would colour each letter for itself
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"span-table--{name}" for name in _STYLES}
    DEFAULT_CSS = """
    SpanTable { height: 1fr; }
    SpanTable > .span-table--header { text-style: bold; color: $text-muted; }
    SpanTable > .span-table--cursor { background: $panel; }
    SpanTable:focus > .span-table--cursor { background: $primary 40%; text-style: bold; }
    SpanTable > .span-table--marked { color: $text-accent; }
    SpanTable > .span-table--good { color: $text-success; }
    SpanTable > .span-table--warn { color: $text-warning; }
    SpanTable > .span-table--bad { color: $text-error; }
    SpanTable > .span-table--dim { color: $text-muted; }
    SpanTable > .span-table--found { text-style: reverse; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "move(1)", N_("down"), show=False, id="table.down"),
        Binding("k,up", "move(-1)", N_("up"), show=False, id="table.up"),
        Binding("g,home", "first", N_("first row"), show=False, id="table.first"),
        Binding("G,end", "last", N_("last row"), show=False, id="table.last"),
        Binding("pagedown", "page(1)", N_("page down"), show=False, id="table.page_down"),
        Binding("pageup", "page(-1)", N_("page up"), show=False, id="table.page_up"),
        Binding("space", "mark", N_("mark"), show=False, id="table.mark"),
        Binding("enter", "select", N_("open"), show=False, id="table.select"),
        Binding("n", "find(1)", N_("next hit"), show=False, id="table.next_hit"),
        Binding("N", "find(-1)", N_("previous hit"), show=False, id="table.previous_hit"),
    ]

    @dataclass
    class Highlighted(Message):
        """The cursor is on another row, or on none."""

        table: SpanTable
        row_id: str | None

        @property
        def control(self) -> SpanTable:
            return self.table

    @dataclass
    class Selected(Message):
        """The row was opened."""

        table: SpanTable
        row_id: str

        @property
        def control(self) -> SpanTable:
            return self.table

    @dataclass
    class MarksChanged(Message):
        """Other rows are marked than before."""

        table: SpanTable
        marked: frozenset[str]

        @property
        def control(self) -> SpanTable:
            return self.table

    @dataclass
    class PageWanted(Message):
        """Rows from the place ``first`` on are looked at and not there; ``put_page`` brings them."""

        table: SpanTable
        first: int
        count: int

        @property
        def control(self) -> SpanTable:
            return self.table

    def __init__(self, columns: Sequence[Column], *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._columns = tuple(columns)
        self._drawing = Drawing(self._columns, widths(self._columns, 0), None)
        self._rows = Rows()
        self._top = 0  # the place of the first row that is seen
        self._cursor = 0
        self._cursor_id: str | None = None
        self._marked: frozenset[str] = frozenset()
        self._wanted: frozenset[int] = frozenset()
        self._lines: list[Line] = []
        self._empty = ""

    # What the owner gives and asks.

    def set_rows(self, rows: Iterable[Row]) -> None:
        """Show these rows, all there are. Marks of rows that are gone go too."""
        self._rows.replace(rows)
        gone = {row_id for row_id in self._marked if self._rows.place_of(row_id) is None}
        self._follow()
        if gone:
            self._mark(self._marked - gone)

    def set_length(self, length: int) -> None:
        """Show a list of ``length`` rows that come by page, as they are asked for."""
        self._rows.resize(length)
        self._wanted = frozenset()
        self._follow()

    def put_page(self, first: int, rows: Iterable[Row]) -> None:
        """Take rows of a long list, from the place ``first`` on."""
        self._rows.put(first, rows, self._cursor)
        self._wanted -= {first // PAGE_ROWS * PAGE_ROWS}
        self._follow()

    def set_pages(self, length: int, pages: Mapping[int, Sequence[Row]]) -> None:
        """Show a long list anew: its length, and pages of it by the place of their first row. Marks stay."""
        self._rows.restart(length)
        for first, rows in pages.items():
            self._rows.put(first, rows, self._cursor)
        self._wanted = frozenset()
        self._follow()

    def set_empty(self, text: str) -> None:
        """Say this in the first row's place while there are no rows; nothing says nothing."""
        if text != self._empty:
            self._empty = text
            if not len(self._rows):
                self._lines = []  # a text of the same length is another one all the same
                self._draw()

    def change_row(self, row: Row) -> bool:
        """Show a row anew, and return whether it is there."""
        known = self._rows.change(row)
        if known:
            self._draw()
        return known

    def search(self, text: str) -> int:
        """Mark where the cells read ``text``, in any case, and return in how many of the rows that is."""
        self._drawing = self._drawing._replace(search=search_pattern(text))
        self._draw()
        return len(self._hits())

    @property
    def cursor_id(self) -> str | None:
        """The id of the row the cursor is on."""
        return self._cursor_id

    @property
    def pages_seen(self) -> tuple[int, ...]:
        """The places at which the pages begin of which rows are seen, if the list were long enough."""
        last = self._top + max(self._height, 1) - 1
        return tuple(range(self._top // PAGE_ROWS * PAGE_ROWS, last + 1, PAGE_ROWS))

    @property
    def marked(self) -> frozenset[str]:
        return self._marked

    @property
    def row_count(self) -> int:
        return len(self._rows)

    def move_to(self, row_id: str) -> bool:
        """Put the cursor on a row, and return whether it is there."""
        place = self._rows.place_of(row_id)
        if place is not None:
            self._go(place)
        return place is not None

    def unmark_all(self) -> None:
        self._mark(frozenset())

    # What the operator does.

    def action_move(self, by: int) -> None:
        self._go(self._cursor + by)

    def action_page(self, by: int) -> None:
        self._go(self._cursor + by * max(self._height - 1, 1))

    def action_first(self) -> None:
        self._go(0)

    def action_last(self) -> None:
        self._go(len(self._rows) - 1)

    def action_mark(self) -> None:
        """Mark the row, or no longer, and go on to the next one."""
        if self._cursor_id is not None:
            self._mark(self._marked ^ {self._cursor_id})
            self._go(self._cursor + 1)

    def action_select(self) -> None:
        if self._cursor_id is not None:
            self.post_message(self.Selected(self, self._cursor_id))

    def action_find(self, by: int) -> None:
        """Go to the next row, or the one before, that reads what is searched for; after the last one to the first."""
        hits = self._hits()
        if hits:
            ahead = [place for place in hits if (place - self._cursor) * by > 0]
            self._go((min(ahead) if ahead else hits[0]) if by > 0 else (max(ahead) if ahead else hits[-1]))

    def on_click(self, event: events.Click) -> None:
        place = self._top + event.y - 1
        if event.y > 0 and place < len(self._rows):
            again = place == self._cursor
            self._go(place)
            if again:
                self.action_select()

    def on_mouse_scroll_down(self) -> None:
        self.action_move(WHEEL_ROWS)

    def on_mouse_scroll_up(self) -> None:
        self.action_move(-WHEEL_ROWS)

    # How it is drawn.

    def on_mount(self) -> None:
        send_lean(self.screen)

    def on_resize(self) -> None:
        self._drawing = self._drawing._replace(widths=widths(self._columns, self.size.width))
        self._draw()

    def notify_style_update(self) -> None:
        """Draw all lines in the new colours."""
        super().notify_style_update()
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Return one line of what was drawn last; the first one is the header."""
        if y == 0:
            return self._strip(header(self._columns, self._drawing.widths))
        return self._strip(self._lines[y - 1] if y <= len(self._lines) else EMPTY)

    @property
    def _height(self) -> int:
        """How many rows are seen."""
        return max(self.size.height - 1, 0)

    def _follow(self) -> None:
        """Keep the cursor on its row after the rows changed; if that is gone, on its place."""
        place = self._rows.place_of(self._cursor_id) if self._cursor_id is not None else None
        self._go(self._cursor if place is None else place)

    def _go(self, place: int) -> None:
        self._cursor = max(0, min(place, len(self._rows) - 1))
        row = self._rows.at(self._cursor)
        before, self._cursor_id = self._cursor_id, row.id if row else None
        self._draw()
        if before != self._cursor_id:
            self.post_message(self.Highlighted(self, self._cursor_id))

    def _mark(self, marked: frozenset[str]) -> None:
        if marked != self._marked:
            self._marked = marked
            self._draw()
            self.post_message(self.MarksChanged(self, marked))

    def _hits(self) -> list[int]:
        """Return the places of the rows that read what is searched for. Looks at whole texts, seen or not."""
        wanted = self._drawing.search
        if wanted is None:
            return []
        return [place for place in self._rows.places() if reads(self._rows.at(place), wanted)]

    def _draw(self) -> None:
        """Draw the lines that are seen, and send what differs."""
        if not self.is_mounted or not self._height:
            return
        self._top = max(
            min(self._top, self._cursor, len(self._rows) - self._height), self._cursor - self._height + 1, 0
        )
        lines = [self._line(place) for place in range(self._top, self._top + self._height)]
        spans = dirty(self._lines, lines, self._drawing.widths, self.size.width)
        self._lines = lines
        if spans is None:
            self.refresh()
        elif spans:
            self.refresh(*(Region(span.x, span.y + 1, span.width, 1) for span in spans))
        self._want_pages()

    def _line(self, place: int) -> Line:
        if place >= len(self._rows):
            return EMPTY if place or len(self._rows) or not self._empty else self._told_empty()
        row = self._rows.at(place)
        marked = row is not None and row.id in self._marked
        return draw(row, self._drawing, at_cursor=place == self._cursor, marked=marked)

    def _told_empty(self) -> Line:
        return Line("dim", ((Piece(" " * GUTTER + fit(self._empty, self.size.width - GUTTER)),),))

    def _want_pages(self) -> None:
        """Ask for the pages that are looked at, each once until the list is another one."""
        if self._rows.is_paged:
            missing = frozenset(self._rows.missing(self._top, self._height))
            for first in sorted(missing - self._wanted):
                self.post_message(self.PageWanted(self, first, min(PAGE_ROWS, len(self._rows) - first)))
            self._wanted |= missing

    def _strip(self, line: Line) -> Strip:
        base = self.rich_style
        if line.kind:
            base = self._style(line.kind, base)
        segments: list[Segment] = []
        for place, cell in enumerate(line.cells):
            segments += [Segment(" ", base)] if place > 1 else []
            segments += [Segment(text, self._style(tone, base) if tone else base) for text, tone in cell]
        width = self.size.width
        return Strip(Segment.simplify(segments)).adjust_cell_length(width, base).simplify()

    def _style(self, name: str, base: Style) -> Style:
        return base + self.get_component_rich_style(f"span-table--{name}", partial=True)
