"""Questions before something happens, the graver the more in the way: a line, a box, a name to be typed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Static

from db.texts import N_, _
from salo_tui.widgets.cells import printable
from salo_tui.widgets.dialogs.choices import CURSOR, Choice, Choices
from salo_tui.widgets.dialogs.dialog import INNER_CELLS, THINGS_ROWS, Dialog, listed, plain

YES, NO = "yes", "no"


class ConfirmLine(Dialog[bool]):
    """Level 1: a line at the bottom. ``y`` or ``д`` is yes; any other key is no, also a slip."""

    DEFAULT_CSS = """
    ConfirmLine { align: left bottom; }
    ConfirmLine > Static { height: auto; max-height: 4; background: $background; color: $foreground; }
    """
    # Before all else, so that the key of a letter cannot be taken for "any other".
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y,Y,д,Д", "answer(True)", N_("yes"), id="confirm_line.yes", priority=True)
    ]

    def __init__(self, question: str, effect: str = "") -> None:
        super().__init__()
        self._question, self._effect = question, effect

    def compose(self) -> ComposeResult:
        line = Text(printable(self._question), "bold")
        if self._effect:
            line.append(" " + printable(self._effect), "not bold")
        yield Static(line.append(" " + _("y/N"), "bold reverse"))

    def action_answer(self, is_yes: bool) -> None:
        self.dismiss(is_yes)

    def on_key(self, event: events.Key) -> None:
        event.stop()
        self.dismiss(False)


class ConfirmBox(Dialog[bool]):
    """Level 2: a box that names the things and the effect. The cursor is on *No*."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y,Y,д,Д", "answer(True)", N_("yes"), id="confirm_box.yes"),
        Binding("n,N,н,Н,escape", "answer(False)", N_("no"), id="confirm_box.no"),
    ]

    def __init__(self, question: str, things: Sequence[str] = (), effect: str = "") -> None:
        super().__init__()
        self._question, self._things, self._effect = question, things, effect

    def compose(self) -> ComposeResult:
        with Vertical(classes="box danger"):
            yield plain(self._question, classes="question")
            yield plain("\n".join(listed(self._things, INNER_CELLS - 2, THINGS_ROWS)), classes="things")
            yield plain(self._effect, classes="effect")
            choices = (Choice(NO, _("n"), _("no, leave it as it is")), Choice(YES, _("y"), _("yes")))
            yield Choices(choices, focus=NO)

    def action_answer(self, is_yes: bool) -> None:
        self.dismiss(is_yes)

    def on_choices_chosen(self, message: Choices.Chosen) -> None:
        self.dismiss(message.value == YES)


class ConfirmName(Dialog[bool]):
    """Level 3: the name must be typed to go on."""

    DEFAULT_CSS = """
    ConfirmName Horizontal { height: 1; margin: 1 0; }
    ConfirmName Horizontal > Static { width: 2; }
    ConfirmName Input, ConfirmName Input:focus {
        border: none; width: 1fr; height: 1; padding: 0; background: $background; background-tint: transparent;
    }
    ConfirmName Input > .input--cursor, ConfirmName Input:ansi > .input--cursor { text-style: reverse; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "no", N_("no"), id="confirm_name.no")]

    def __init__(self, question: str, name: str, effect: str = "") -> None:
        super().__init__()
        self._question, self._name_wanted, self._effect = question, name, effect

    def compose(self) -> ComposeResult:
        with Vertical(classes="box danger"):
            yield plain(self._question, classes="question")
            yield plain(self._effect, classes="effect")
            wanted = _("Type {name} and press enter; esc leaves it as it is.").format(name=self._name_wanted)
            yield plain(wanted, classes="note")
            typed = Input(compact=True, max_length=200, select_on_focus=False)
            typed.cursor_blink = False
            yield Horizontal(Static(f"{CURSOR} "), typed)
            yield plain("", classes="complaint")

    def on_input_submitted(self, message: Input.Submitted) -> None:
        message.stop()
        if message.value.strip() == self._name_wanted:
            self.dismiss(True)
        else:
            complaint = self.query_one(".complaint", Static)
            complaint.update(Text(_("That is another name; nothing has happened.")))
            complaint.display = True

    def action_no(self) -> None:
        self.dismiss(False)
