"""The way out: what is to become of the bots when the terminal is closed."""

from __future__ import annotations

from typing import ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from db.texts import N_, _
from salo_tui.widgets.dialogs.choices import Choice, Choices
from salo_tui.widgets.dialogs.dialog import Dialog, plain

Leaving = Literal["leave", "stop", "stay"]
_ANSWERS: dict[str, Leaving] = {"leave": "leave", "stop": "stop", "stay": "stay"}


class LeaveDialog(Dialog[Leaving]):
    """Three ways, each with what it means for the bots. ``focus`` is the one under the cursor at first."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("l,д", "answer('leave')", N_("leave them running"), id="leave.leave"),
        Binding("S,Ы", "answer('stop')", N_("stop all"), id="leave.stop"),  # large: a slip stops nothing
        Binding("escape,n,т", "answer('stay')", N_("stay"), id="leave.stay"),
    ]

    def __init__(self, *, focus: Leaving = "leave", can_leave: bool = True, note: str = "") -> None:
        """Without ``can_leave`` the platform ends with the terminal in any case."""
        super().__init__()
        self._first, self._can_leave, self._note = focus, can_leave, note

    def compose(self) -> ComposeResult:
        with Vertical(classes="box"):
            yield plain(_("Close this terminal?"), classes="question")
            yield plain(self._note, classes="note")
            choices = [
                Choice("leave", "[l]", _("leave all running: the bots go on answering")),
                Choice("stop", "[S]", _("stop all: the bots fall silent, messages wait")),
                Choice("stay", "[esc]", _("stay here")),
            ]
            yield Choices(choices if self._can_leave else choices[1:], focus=self._first)

    def action_answer(self, answer: str) -> None:
        if answer != "leave" or self._can_leave:
            self.dismiss(_ANSWERS[answer])

    def on_choices_chosen(self, message: Choices.Chosen) -> None:
        self.dismiss(_ANSWERS[message.value])
