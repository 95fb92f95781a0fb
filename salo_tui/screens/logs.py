"""Logs: everything that is said, of all bots and processes or of some, in one pane."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from db.texts import N_, _
from salo_tui.feeds import FeedLog
from salo_tui.frame import Frame
from salo_tui.widgets.ring import Level


class LogsScreen(Frame):
    """One pane over the whole screen. ``b`` takes the marked bots only, and once more all."""

    TITLE_TEXT = N_("Logs")
    DEFAULT_CSS = """
    LogsScreen #log { height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("b", "bots", N_("marked bots or all"), id="logs.bots"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._sources: tuple[str, ...] = ()

    def body(self) -> ComposeResult:
        yield FeedLog(_("all logs"), id="log")

    def on_mount(self) -> None:
        log = self.query_one(FeedLog)
        log.filter_level(Level.INFO)
        log.draw_from(self.salo.feeds.all)
        log.focus()
        self._sift()

    def only(self, sources: tuple[str, ...]) -> None:
        """Show what these bots or processes say; none means all."""
        self._sources = sources
        if self.is_mounted:
            self._sift()

    def _sift(self) -> None:
        log = self.query_one(FeedLog)
        log.filter_sources(self._sources or None)
        log.set_title(", ".join(self._sources) or _("all logs"))

    def action_bots(self) -> None:
        self.only(() if self._sources else self.salo.marked_bots)
