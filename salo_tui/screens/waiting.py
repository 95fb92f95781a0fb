"""What is shown until the platform answers: what is being waited for, and what it said last."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Center, Middle

from db.texts import N_, _
from salo_tui.frame import Frame
from salo_tui.state import State
from salo_tui.widgets.lines import Lines
from salo_tui.widgets.table_lines import Piece


class WaitingScreen(Frame):
    """The way to a running platform, step by step."""

    TITLE_TEXT = N_("Start")
    DEFAULT_CSS = """
    WaitingScreen #steps { width: 72; height: auto; }
    WaitingScreen Middle { height: 1fr; }
    """

    def body(self) -> ComposeResult:
        with Middle(), Center():
            yield Lines(id="steps")

    def show(self, state: State) -> None:
        link = self.salo.link
        lines = [[Piece(_("waiting for the platform on {home}").format(home=self.salo.settings.home), "title")]]
        if link.reason:
            lines.append([Piece(link.reason, "dim")])
        self.query_one("#steps", Lines).set_lines(lines)
