"""The lowest line: the keys that do something here, made from the bindings themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from rich.cells import cell_len
from textual.binding import ActiveBinding, Binding
from textual.screen import Screen

from db.texts import _
from salo_tui.widgets.lines import Bar
from salo_tui.widgets.table_lines import Piece

_NAMES = {
    "enter": "↵",
    "escape": "esc",
    "colon": ":",
    "question_mark": "?",
    "slash": "/",
    "ampersand": "&",
    "space": "␣",
    "plus": "+",
    "minus": "-",
    "pageup": "pgup",
    "pagedown": "pgdn",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "exclamation_mark": "!",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
}


class KeyBar(Bar):
    """Shows as many keys as fit. The owner calls ``show_keys`` when others may be in force."""

    def show_keys(self, screen: Screen[Any]) -> None:
        """Take the bindings in force on a screen: first its own, then the app's; those that say ``show``."""
        found: dict[str, ActiveBinding] = {}
        for active in screen.active_bindings.values():
            found.setdefault(active.binding.id or active.binding.action, active)
        shown = [active for active in found.values() if active.binding.show and active.enabled]
        own = [active.binding for active in shown if active.node is not screen.app]
        everywhere = [active.binding for active in shown if active.node is screen.app]
        self.set(*_sides(own, everywhere, self.size.width or 80))


def key_name(keys: str) -> str:
    """Return how people write a key; of several the first."""
    key = keys.partition(",")[0]
    if key.startswith("ctrl+"):
        return "^" + key.removeprefix("ctrl+")
    return _NAMES.get(key, key.upper() if key[:1] == "f" and key[1:].isdigit() else key)


def _sides(own: list[Binding], everywhere: list[Binding], width: int) -> tuple[list[Piece], list[Piece]]:
    """Return the screen's keys for the left, and of those that work everywhere as many as fit for the right."""
    left = list(_pieces(own))
    taken = sum(cell_len(piece.text) for piece in left)
    right: list[Piece] = []
    for binding in reversed(everywhere):
        pieces = list(_pieces([binding]))
        size = sum(cell_len(piece.text) for piece in pieces)
        if right and taken + size > width - 2:
            break
        taken += size
        right = pieces + right
    return left, right


def _pieces(bindings: Iterable[Binding]) -> Iterator[Piece]:
    for binding in bindings:
        yield Piece(key_name(binding.key), "key")
        yield Piece(f" {lowered(_(binding.description))}  ")


def lowered(text: str) -> str:
    """Return a text that begins small, unless its first word is written large as a whole."""
    return text if text[:2].isupper() else text[:1].lower() + text[1:]
