"""A short list of answers, one of them under the cursor. The letters are the business of the dialog around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from db.texts import N_
from salo_tui.widgets.fit import fit

CURSOR = "▸"


class Choice(NamedTuple):
    """One answer: what it gives, the key that is shown for it, its words."""

    value: str
    key: str
    text: str


class Choices(Widget, can_focus=True):
    """Posts ``Chosen`` for the answer that is taken by enter or by a click."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {"choices--key", "choices--cursor"}
    DEFAULT_CSS = """
    Choices { height: auto; margin: 1 0 0 0; }
    Choices > .choices--key { color: $text-accent; text-style: bold; }
    Choices > .choices--cursor { text-style: bold reverse; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,left,k,shift+tab", "move(-1)", N_("previous"), show=False, id="choices.previous"),
        Binding("down,right,j,tab", "move(1)", N_("next"), show=False, id="choices.next"),
        Binding("enter", "choose", N_("choose"), id="choices.choose"),
    ]

    @dataclass
    class Chosen(Message):
        """An answer was taken."""

        value: str

    def __init__(self, choices: Sequence[Choice], *, focus: str, id: str | None = None) -> None:
        """``focus`` is the value under the cursor at first."""
        super().__init__(id=id)
        self._choices = tuple(choices)
        self._at = next(at for at, choice in enumerate(self._choices) if choice.value == focus)

    def action_move(self, by: int) -> None:
        self._at = (self._at + by) % len(self._choices)
        self.refresh()

    def action_choose(self) -> None:
        self.post_message(self.Chosen(self._choices[self._at].value))

    def on_click(self, event: events.Click) -> None:
        if event.y < len(self._choices):
            self._at = event.y
            self.action_choose()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._choices)

    def render_line(self, y: int) -> Strip:
        base = self.rich_style
        if y >= len(self._choices):
            return Strip.blank(self.size.width, base)
        choice, width = self._choices[y], self.size.width
        keys = max(len(other.key) for other in self._choices) + 2
        if y == self._at:
            line = f"{CURSOR} {fit(choice.key, keys)}{choice.text}"
            cursor = self.get_component_rich_style("choices--cursor")
            return Strip([Segment(fit(line, width), cursor)], width)
        key = Segment(fit(f"  {choice.key}", keys + 2), self.get_component_rich_style("choices--key"))
        return Strip([key, Segment(fit(choice.text, width - keys - 2), base)], width)
