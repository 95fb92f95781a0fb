"""A text to be read over a screen: what a command said, an event, a trace. Plain, folded, scrolled without motion."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.strip import Strip
from textual.widget import Widget

from db.texts import N_, _, ngettext
from salo_tui.widgets.cells import printable
from salo_tui.widgets.dialogs.dialog import Dialog, plain
from salo_tui.widgets.fit import fit
from salo_tui.widgets.wrap import folds

LINES_MAX = 5000  # shown of one text; how many are missing is said
WHEEL_ROWS = 3


class TextPane(Widget, can_focus=True):
    """The rows of a text, and below them the keys and how far it is read."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {"text-pane--keys"}
    DEFAULT_CSS = """
    TextPane { height: 1fr; }
    TextPane > .text-pane--keys { color: $text-muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", N_("line up"), show=False, id="text.up"),
        Binding("down,j,enter", "move(1)", N_("line down"), show=False, id="text.down"),
        Binding("pageup,ctrl+u,b", "page(-1)", N_("page up"), show=False, id="text.page_up"),
        Binding("pagedown,ctrl+d,space", "page(1)", N_("page down"), show=False, id="text.page_down"),
        Binding("home,g", "start", N_("to the start"), show=False, id="text.start"),
        Binding("end,G", "end", N_("to the end"), show=False, id="text.end"),
        Binding("y", "copy", N_("copy"), id="text.copy"),
    ]

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
        self._rows: list[str] = []
        self._top = 0
        self._copied = False

    def action_move(self, rows: int) -> None:
        self._go(self._top + rows)

    def action_page(self, pages: int) -> None:
        self._go(self._top + pages * max(1, self._height - 1))

    def action_start(self) -> None:
        self._go(0)

    def action_end(self) -> None:
        self._go(len(self._rows))

    def action_copy(self) -> None:
        """Copy the whole text."""
        self.app.copy_to_clipboard(self.text)
        self._copied = True
        self.refresh()

    def on_mouse_scroll_up(self) -> None:
        self.action_move(-WHEEL_ROWS)

    def on_mouse_scroll_down(self) -> None:
        self.action_move(WHEEL_ROWS)

    def on_resize(self, _event: events.Resize) -> None:
        self._rows = list(rows_of(self.text, self.size.width))
        self._go(self._top)
        self.refresh()

    @property
    def _height(self) -> int:
        """How many rows of the text are seen."""
        return max(0, self.size.height - 1)

    def _go(self, top: int) -> None:
        top = max(0, min(top, len(self._rows) - self._height))
        if top != self._top:
            self._top = top
            self.refresh()

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if y == self.size.height - 1:
            return Strip([Segment(self._keys(width), self.get_component_rich_style("text-pane--keys"))], width)
        at = self._top + y
        return Strip([Segment(fit(self._rows[at] if at < len(self._rows) else "", width), self.rich_style)], width)

    def _keys(self, width: int) -> str:
        last = min(self._top + self._height, len(self._rows))
        place = f" {self._top + 1}–{last}/{len(self._rows)}" if len(self._rows) > self._height else ""
        keys = _("copied") if self._copied else _("esc close  j k pgup pgdn move  y copy")
        return fit(keys, width - len(place)) + place


class TextDialog(Dialog[None]):
    """A title and a text, over the whole screen."""

    DEFAULT_CSS = """
    TextDialog > .box { width: 100%; height: 100%; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,й", "close", N_("close"), id="text.close")]

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self._title_text, self._text = title, text

    def compose(self) -> ComposeResult:
        with Vertical(classes="box"):
            yield plain(self._title_text, classes="question")
            yield TextPane(self._text)

    def action_close(self) -> None:
        self.dismiss(None)


def rows_of(text: str, width: int) -> Iterator[str]:
    """Yield the rows of a text, folded at ``width`` cells; of one too long the first lines and how many are missing."""
    lines = text.splitlines()
    for line in lines[:LINES_MAX]:
        shown = printable(line)
        yield from (shown[start:end] for start, end in folds(shown, width, width))
    missing = len(lines) - LINES_MAX
    if missing > 0:
        yield ngettext("… {count} more line", "… {count} more lines", missing).format(count=missing)
