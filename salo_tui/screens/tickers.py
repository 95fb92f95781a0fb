"""Tickers: the periodic duties, when each is due, and what its last tick found."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from db.protocol import TickerInfo
from db.texts import N_, _
from salo_tui.frame import Frame
from salo_tui.state import State
from salo_tui.widgets.lines import Lines
from salo_tui.widgets.rows import Cell, Row
from salo_tui.widgets.span_table import SpanTable
from salo_tui.widgets.table_lines import Column, Piece
from salo_tui.words import NOTHING, clock, duration, ticker_look

_RESULTS = {"ok": (N_("ok"), "good"), "warn": (N_("warns"), "warn"), "bad": (N_("bad"), "bad"),
            "failed": (N_("failed"), "bad")}  # fmt: skip


def columns() -> tuple[Column, ...]:
    """Return the columns, in the language in use."""
    return (
        Column(_("TICKER"), 16),
        Column(_("BOT"), 12),
        Column(_("STATE"), 11),
        Column(_("EVERY"), 7, "right"),
        Column(_("LAST"), 8),
        Column(_("TOOK"), 8, "right"),
        Column(_("RESULT"), 12),
        Column(_("FOUND"), 10, fill=True),
    )


def row_of(key: str, ticker: TickerInfo) -> Row:
    """Return a ticker's row."""
    return Row(
        key,
        (
            ticker.name,
            ticker.bot or Cell(_("all"), "dim"),
            ticker_look(ticker).cell,
            duration(ticker.period_s),
            clock(ticker.last_ms),
            NOTHING if ticker.took_ms is None else _("{ms} ms").format(ms=ticker.took_ms),
            _result(ticker),
            ticker.text,
        ),
    )


def _result(ticker: TickerInfo) -> Cell:
    if ticker.result is None:
        return Cell(NOTHING, "dim")
    word, tone = _RESULTS[ticker.result]
    times = f" ×{ticker.failures}" if ticker.failures > 1 else ""
    return Cell(_(word) + times, tone)


class TickerTable(SpanTable):
    """The list; its enter runs a ticker."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "select", N_("run now"), id="tickers.run")]


class TickersScreen(Frame):
    """The list, and below it in full what the last tick of the one under the cursor found."""

    TITLE_TEXT = N_("Tickers")
    DEFAULT_CSS = """
    TickersScreen SpanTable { height: 1fr; }
    TickersScreen #found { height: 3; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "pause", N_("pause or go on"), id="tickers.pause"),
    ]

    def body(self) -> ComposeResult:
        yield TickerTable(columns(), id="table")
        yield Lines(id="found")

    def on_mount(self) -> None:
        self.query_one("#table").focus()

    def show(self, state: State) -> None:
        self.query_one(SpanTable).set_rows(row_of(key, ticker) for key, ticker in state.tickers.items())
        self._show_found()

    def _ticker(self) -> TickerInfo | None:
        return self.salo.state.tickers.get(self.query_one(SpanTable).cursor_id or "")

    def on_span_table_highlighted(self) -> None:
        self._show_found()

    def on_span_table_selected(self) -> None:
        self.action_now()

    def _show_found(self) -> None:
        ticker = self._ticker()
        if ticker is not None:
            due = _("next at {time}").format(time=clock(ticker.next_ms))
            self.query_one("#found", Lines).set_lines([[Piece(due, "dim")], [ticker.text]])

    def action_now(self) -> None:
        self._run("run")

    def action_pause(self) -> None:
        ticker = self._ticker()
        self._run("resume" if ticker is not None and ticker.state == "paused" else "pause")

    def _run(self, verb: str) -> None:
        ticker = self._ticker()
        if ticker is not None:
            self.run_worker(self.salo.actions.run(f"ticker {verb} {ticker.name} {ticker.bot}".strip()))

    def find(self, text: str) -> object:
        return self.query_one(SpanTable).search(text)
