"""Each dialog over a page of text, for tests: ``python -m tests.salo_tui.dialog_app --dialog box --language ru``.

Its answer is shown in the lowest line but one.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any

from textual.app import App, ComposeResult
from textual.screen import ModalScreen
from textual.widgets import Static

from db.texts import _, use_language
from salo_tui.widgets.dialogs import ConfirmBox, ConfirmLine, ConfirmName, LeaveDialog, TextDialog
from salo_tui.widgets.lean import send_lean

BOTS = [f"cafe_{number}" for number in range(40)]
TEXT = "[red]{\x1b[1m\n  «текст»: " + "очень длинное сообщение с emoji 👍 и 日本語, " * 3 + "\n}" + "\nещё строка" * 60


def effect(source: str) -> str:
    """Return the translation of an effect that a command declares."""
    return _(source)


def bots_gone() -> str:
    return effect("The bot answers nobody; messages wait in its inbox until it is enabled.")


DIALOGS: dict[str, Callable[[], ModalScreen[Any]]] = {
    "line": lambda: ConfirmLine(
        "salo restart zygote?",
        effect("It finishes what it has begun and starts anew; what comes meanwhile waits."),
    ),
    "short": lambda: ConfirmLine("[b]salo[/b] restart zygote?"),
    "box": lambda: ConfirmBox("salo bot disable?", ["anna_shop", "[red]bingo[/]", "日本語bot"], bots_gone()),
    "many": lambda: ConfirmBox("salo bot disable?", BOTS * 3, bots_gone()),
    "name": lambda: ConfirmName(
        "salo base drop main?",
        "main",
        effect("All answers, people and history of the base are gone for good."),
    ),
    "leave": LeaveDialog,
    "leave_stop": lambda: LeaveDialog(focus="stop"),
    "text": lambda: TextDialog("salo dead show 1795348800000-0 [b]", TEXT),
}


class DialogApp(App[None]):
    """A page that is full of text, and a dialog over it. ``o`` opens it again, ``t`` changes the page."""

    ENABLE_COMMAND_PALETTE = False
    CSS = "#answer, #keys { height: 1; } #page { height: 1fr; }"

    def __init__(self, dialog: str, theme: str = "textual-dark") -> None:
        super().__init__()
        self.theme = theme
        self.answers: list[object] = []
        self._dialog = dialog

    def compose(self) -> ComposeResult:
        yield Static("\n".join(f"line {number} " + "page " * 30 for number in range(60)), id="page")
        yield Static("", id="answer")
        yield Static("keys", id="keys")

    def on_mount(self) -> None:
        send_lean(self.screen)
        self.key_o()

    def key_o(self) -> None:
        self.push_screen(DIALOGS[self._dialog](), self._answered)

    def _answered(self, answer: object) -> None:
        self.answers.append(answer)
        self.query_one("#answer", Static).update(f"answer {len(self.answers)}: {answer}")


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--dialog", choices=list(DIALOGS), default="box")
    parser.add_argument("--language", default="en")
    parser.add_argument("--theme", default="textual-dark")
    given = parser.parse_args(arguments)
    with use_language(given.language):
        DialogApp(given.dialog, given.theme).run()


if __name__ == "__main__":
    main(sys.argv[1:])
