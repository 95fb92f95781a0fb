"""A field for a text of some lines: no colours, no blinking, and nothing in it that a terminal would obey."""

from __future__ import annotations

import re

from textual import events
from textual.content import Content
from textual.widgets import TextArea

from salo_tui.widgets.joiners import joiner_of

_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
UNDO_MAX = 50


class DraftArea(TextArea):
    """A plain text area. What is put into it from outside loses controls and signs that turn the line."""

    DEFAULT_CSS = """
    DraftArea, DraftArea:focus { border: none; padding: 0; height: 1fr; background: $background; }
    DraftArea .text-area--cursor, DraftArea:ansi .text-area--cursor { text-style: reverse; }
    """

    def __init__(self, placeholder: str, *, id: str | None = None) -> None:
        super().__init__(
            soft_wrap=True,
            highlight_cursor_line=False,
            compact=True,
            max_checkpoints=UNDO_MAX,
            tab_behavior="focus",
            placeholder=Content(placeholder),
            id=id,
        )
        self.cursor_blink = False

    def begin(self, text: str) -> None:
        """Take another text, with the cursor at its end."""
        self.load_text(harmless(text))
        self.move_cursor(self.document.end)

    async def _on_paste(self, event: events.Paste) -> None:
        event.prevent_default()  # else Textual calls the base's handler once more
        event.text = harmless(event.text)
        await super()._on_paste(event)

    async def _on_key(self, event: events.Key) -> None:
        sign = joiner_of(event)
        if sign is not None and not self.read_only:
            event.stop()
            event.prevent_default()
            self._replace_via_keyboard(sign, *self.selection)


def harmless(text: str) -> str:
    """Return a text without what a terminal would obey; lines and tabs stay, tabs as blanks."""
    return _OBEYED.sub("", text.replace("\r\n", "\n").replace("\r", "\n").expandtabs(4))
