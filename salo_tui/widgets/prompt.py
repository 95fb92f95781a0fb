"""The prompt at the foot of a screen: a command after ``:`` with what may be typed next, or after ``/`` words to find.

Hidden until it is opened; it gives the focus back to where it was. Nothing blinks, nothing is markup.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.events import Key
from textual.message import Message
from textual.suggester import Suggester
from textual.widget import Widget
from textual.widgets import Input

from db.texts import N_, _
from salo_tui.complete import Candidate, Command, Completion, Values, complete
from salo_tui.typed import shown
from salo_tui.widgets.joiners import joiner_of
from salo_tui.widgets.lines import Lines
from salo_tui.widgets.table_lines import Piece

COMMAND, SEARCH = ":", "/"
HISTORY_MAX = 200  # lines of each kind
TEXT_MAX = 4000  # signs of a line


class Prompt(Vertical):
    """One line of input, above it what it may become. Keys: tab goes through the candidates, ↑ through what was."""

    DEFAULT_CSS = """
    Prompt { display: none; height: auto; }
    Prompt.open { display: block; }
    Prompt > #line { height: 1; }
    Prompt #kind { width: 2; height: 1; }
    Prompt Input, Prompt Input:focus { width: 1fr; height: 1; border: none; padding: 0; background: $background; }
    Prompt > #choices { height: 2; }
    Prompt.search > #choices { height: 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", N_("cancel"), id="prompt.cancel", priority=True),
        Binding("tab", "next(1)", N_("complete"), id="prompt.next", priority=True),
        Binding("shift+tab", "next(-1)", N_("complete back"), show=False, id="prompt.previous", priority=True),
        Binding("up", "recall(-1)", N_("what was typed"), id="prompt.up", priority=True),
        Binding("down", "recall(1)", N_("what was typed later"), show=False, id="prompt.down", priority=True),
    ]
    _HISTORY: ClassVar[dict[str, deque[str]]] = defaultdict(lambda: deque(maxlen=HISTORY_MAX))  # of all screens

    @dataclass
    class Submitted(Message):
        """A line was typed and entered."""

        kind: str
        text: str

    @dataclass
    class Cancelled(Message):
        """Nothing is wanted after all."""

        kind: str

    @dataclass
    class Changed(Message):
        """Another letter was typed."""

        kind: str
        text: str

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._kind = COMMAND
        self._commands: Sequence[Command] = ()
        self._values: Values = {}
        self._came_from: Widget | None = None
        self._cycle: tuple[str, Completion, int] | None = None  # line before tab, what may stand in it, which does
        self._recalled = 0  # how many lines back

    def compose(self) -> ComposeResult:
        yield Lines(id="choices")
        with Horizontal(id="line"):
            yield Lines(id="kind")
            box = _Line(max_length=TEXT_MAX, suggester=_Ghost(self), select_on_focus=False)
            box.cursor_blink = False
            yield box

    # What the owner does.

    def set_commands(self, commands: Sequence[Command], values: Values) -> None:
        """Take the commands, as ``describe`` tells them, and what their parameters may be."""
        self._commands, self._values = commands, values

    def open(self, kind: str, text: str = "") -> None:
        """Begin a line. ``kind`` is ``:`` or ``/``."""
        self._kind, self._cycle, self._recalled = kind, None, 0
        self._came_from = self.screen.focused
        self.set_class(kind == SEARCH, "search")
        self.add_class("open")
        self.query_one("#kind", Lines).set_lines([[Piece(kind, "key")]])
        self._put(text)
        self.screen.set_focus(self._box)  # at once: what is typed next is meant for it
        self._show_choices()

    def complain(self, text: str) -> None:
        """Say what is wrong with the line."""
        self.query_one("#choices", Lines).set_lines([[Piece(text, "bad")]])

    @property
    def is_open(self) -> bool:
        return self.has_class("open")

    def close(self) -> None:
        """Hide, and give the focus back."""
        if self.is_open:
            self.remove_class("open")
            came_from, self._came_from = self._came_from, None
            self.screen.set_focus(came_from if came_from is not None and came_from.is_attached else None)

    def completion_of(self, line: str, cursor: int) -> Completion:
        """Return what may be typed at the cursor; nothing in a search."""
        if self._kind != COMMAND:
            return Completion(cursor, cursor)
        return complete(line, cursor, self._commands, self._values)

    # What the operator does.

    def on_input_submitted(self, message: Input.Submitted) -> None:
        message.stop()
        text = self._box.value
        history = self._HISTORY[self._kind]
        is_public = self._kind != COMMAND or shown(text, self._commands) == text
        if text.strip() and is_public and (not history or history[-1] != text):
            history.append(text)
        self.close()
        self.post_message(self.Submitted(self._kind, text))

    def on_input_changed(self, message: Input.Changed) -> None:
        message.stop()
        if self._cycle is not None and self._box.value != self._applied(self._cycle):  # not the message's: it is older
            self._cycle = None
        self._show_choices()
        if self.is_open:
            self.post_message(self.Changed(self._kind, message.value))

    def on_descendant_blur(self) -> None:
        if self.is_open and self.screen.is_current:
            self.remove_class("open")

    def action_cancel(self) -> None:
        self.close()
        self.post_message(self.Cancelled(self._kind))

    def action_next(self, by: int) -> None:
        """Put the next candidate into the line."""
        line, completion, at = self._cycle or (self._box.value, self._completion(), -1 if by > 0 else 0)
        if completion.candidates:
            self._cycle = (line, completion, (at + by) % len(completion.candidates))
            self._put(self._applied(self._cycle))
            self._show_choices()

    def action_recall(self, by: int) -> None:
        """Bring back an older line, or a newer one."""
        history = self._HISTORY[self._kind]
        self._recalled = max(0, min(self._recalled - by, len(history)))
        self._put(history[-self._recalled] if self._recalled else "")

    # How it looks.

    @property
    def _box(self) -> Input:
        return self.query_one(Input)

    def _put(self, text: str) -> None:
        self._box.value = text
        self._box.cursor_position = len(text)

    def _completion(self) -> Completion:
        return self.completion_of(self._box.value, self._box.cursor_position)

    def _applied(self, cycle: tuple[str, Completion, int]) -> str:
        line, completion, at = cycle
        return completion.applied(line, completion.candidates[at])[0]

    def _show_choices(self) -> None:
        """Show the usage of the command, and the candidates with the one that tab has put in."""
        if self._kind != COMMAND:
            return
        completion, at = (self._cycle[1], self._cycle[2]) if self._cycle else (self._completion(), -1)
        words = [Piece(completion.usage, "accent"), Piece("  "), Piece(completion.hint, "dim")]
        if not completion.usage:
            words = [Piece(completion.hint or _("a command; tab completes, enter runs it"), "dim")]
        self.query_one("#choices", Lines).set_lines([words, _choices(completion.candidates, at)])


class _Line(Input):
    """One line of text, which takes the signs that join emoji too."""

    def _on_key(self, event: Key) -> None:  # type: ignore[override]  # Textual takes either
        sign = joiner_of(event)
        if sign is not None:
            event.stop()
            event.prevent_default()
            self.replace(sign, *self.selection)


class _Ghost(Suggester):
    """Shows behind the cursor how the line may go on; → takes it."""

    def __init__(self, prompt: Prompt) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._prompt = prompt

    async def get_suggestion(self, value: str) -> str | None:
        ghost = self._prompt.completion_of(value, len(value)).ghost(value, len(value))
        return value + ghost if ghost else None


def _choices(candidates: Sequence[Candidate], at: int) -> list[Piece]:
    """Return the candidates side by side from before the chosen one on; of that one, or an only one, its meaning."""
    pieces: list[Piece] = []
    first = max(at - 1, 0)
    for index, candidate in enumerate(candidates[first:], first):
        pieces.append(Piece(candidate.text, "key" if index == at else ""))
        if candidate.hint and (index == at or len(candidates) == 1):
            pieces.append(Piece(f" {candidate.hint}", "dim"))
        pieces.append(Piece("  "))
    return pieces
