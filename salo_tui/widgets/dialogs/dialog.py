"""What all dialogs share: they lie over a screen without tinting it, in few bytes, and fit into 80×24."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from textual.screen import ModalScreen
from textual.widgets import Static

from db.texts import ngettext
from salo_tui.widgets.cells import printable
from salo_tui.widgets.fit import fit
from salo_tui.widgets.lean import send_lean

Result = TypeVar("Result")
INNER_CELLS = 68  # of a box, between its edges
THINGS_ROWS = 8  # of a box: what a question is about


class Dialog(ModalScreen[Result]):
    """A question or a text over a screen. What is beneath stays as it is, and goes on."""

    # A tint over the screen beneath would send all of it again, and in sixteen colours there is none.
    DEFAULT_CSS = """
    Dialog { background: transparent; align: center middle; overflow: hidden; }
    Dialog > .box {
        width: 72; max-width: 100%; height: auto; max-height: 100%;
        border: solid $primary; background: $background; color: $foreground; padding: 0 1;
    }
    Dialog > .danger { border: solid $error; }
    Dialog .question { text-style: bold; }
    Dialog .things { color: $text-accent; margin: 0 0 0 2; }
    Dialog .note { color: $text-muted; }
    Dialog .complaint { color: $text-error; }
    """

    def on_mount(self) -> None:
        send_lean(self.screen)


def plain(text: str, *, classes: str) -> Static:
    """Return a widget with a text that is never markup. An empty one takes no room."""
    shown = "\n".join(map(printable, text.splitlines()))
    widget = Static(shown, markup=False, classes=classes)
    widget.display = bool(shown)
    return widget


def listed(things: Sequence[str], width: int, rows: int) -> list[str]:
    """Return things in at most ``rows`` lines: one in each if that fits, else side by side, and how many more."""
    shown = [printable(thing) for thing in things]
    lines = [fit(thing, width).rstrip() for thing in shown]
    return lines if len(lines) <= rows else _side_by_side(shown, width, rows)


def _side_by_side(things: Sequence[str], width: int, rows: int) -> list[str]:
    lines: list[str] = []
    for number, thing in enumerate(things):
        longer = f"{lines[-1]}, {thing}" if lines else ""
        if lines and fit(longer, width).rstrip() == longer:
            lines[-1] = longer
        elif len(lines) < rows - 1:
            lines.append(fit(thing, width).rstrip())
        else:
            count = len(things) - number
            return [*lines, ngettext("and {count} more", "and {count} more", count).format(count=count)]
    return lines
