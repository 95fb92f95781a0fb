"""A terminal program that is one table of twenty bots, for tests: ``c`` changes one number, ``t`` all rows each second,
``e`` takes all rows away and says so, each time with another number.

Started by itself it runs in the terminal it is given: ``python -m tests.salo_tui.table_app``.
"""

from __future__ import annotations

from typing import ClassVar

from textual.app import App, ComposeResult
from textual.binding import BindingType

from salo_tui.widgets.rows import Cell, Row
from salo_tui.widgets.span_table import SpanTable
from salo_tui.widgets.table_lines import Column

COLUMNS = (
    Column("BOT", 15),
    Column("STATE", 7),
    Column("BASE", 5),
    Column("RPS", 4, "right"),
    Column("p95ms", 5, "right"),
    Column("QUEUE", 5, "right"),
    Column("UNSOLVED", 8, "right"),
    Column("LAST", 12, fill=True),
)
STATES = (Cell("● run", "good"), Cell("◐ slow", "warn"), Cell("○ down", "bad"))
TITLES = (
    "anna_shop",
    "кафе Роза",
    "日本語bot",
    "👩‍🚀 boты",
    "[red]bold[/]",
    "x\x1b[31my",
    "a\u202eb",
    "очень длинное имя",
)
LAST = ("14:02:11", "привет, мир", "価格はいくらですか", "👍🏽 да", "[@click=quit]x", "Ёж")


def row(number: int, tick: int = 0) -> Row:
    """Return one bot at one moment: five of its eight cells change from tick to tick."""
    state = STATES[number % 7 % 3]
    rate, late, queue = (number * 7 + tick) % 97 / 8, (number * 13 + tick * 7) % 400, (number + tick) % 60
    unsolved = str(number * 3 + tick)
    last = LAST[number % len(LAST)] if not tick else f"14:02:{tick % 60:02}"
    title = TITLES[number] if number < len(TITLES) else f"bot_{number}"
    return Row(f"bot{number}", (title, state, "main", f"{rate:.1f}", str(late), str(queue), unsolved, last))


class TableApp(App[None]):
    """Just the table."""

    BINDINGS: ClassVar[list[BindingType]] = [("c", "change", ""), ("t", "tick", ""), ("e", "empty", "")]

    def __init__(self, bots: int = 20) -> None:
        super().__init__()
        self.table = SpanTable(COLUMNS)
        self._bots = bots
        self._tick = self._changes = 0
        self.told: list[object] = []
        self.brings_pages = True

    def compose(self) -> ComposeResult:
        yield self.table

    def on_mount(self) -> None:
        self.table.set_rows(map(row, range(self._bots)))

    def action_change(self) -> None:
        self._changes += 1
        before = row(5)
        self.table.change_row(Row(before.id, (*before.cells[:6], str(15 + self._changes), before.cells[7])))

    def action_tick(self) -> None:
        self.set_interval(1, self._go_on)

    def action_empty(self) -> None:
        self._changes += 1
        self.table.set_empty(f"ботов ещё нет {self._changes}")
        self.table.set_rows([])

    def _go_on(self) -> None:
        self._tick += 1
        self.table.set_rows(row(number, self._tick) for number in range(self._bots))

    def on_span_table_highlighted(self, message: SpanTable.Highlighted) -> None:
        self.told.append(("highlighted", message.row_id))

    def on_span_table_selected(self, message: SpanTable.Selected) -> None:
        self.told.append(("selected", message.row_id))

    def on_span_table_marks_changed(self, message: SpanTable.MarksChanged) -> None:
        self.told.append(("marked", message.marked))

    def on_span_table_page_wanted(self, message: SpanTable.PageWanted) -> None:
        self.told.append(("wanted", message.first, message.count))
        if self.brings_pages:
            places = range(message.first, message.first + message.count)
            self.table.put_page(message.first, map(row, places))


if __name__ == "__main__":
    TableApp().run()
