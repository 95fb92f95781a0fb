"""Bots: the list with the log of the one the cursor is on, and, where there is room, what is known of it."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal

from db.protocol import BotInfo
from db.texts import N_, _
from salo_tui.feeds import FeedLog
from salo_tui.frame import Frame
from salo_tui.screens.bot import BotScreen, facts_of
from salo_tui.state import State
from salo_tui.widgets.lines import Lines
from salo_tui.widgets.ring import Level
from salo_tui.widgets.rows import Row
from salo_tui.widgets.span_table import SpanTable
from salo_tui.widgets.table_lines import Column
from salo_tui.words import UNKNOWN, bot_look, clock, number

NAME_CELLS = 15


def columns() -> tuple[Column, ...]:
    """Return the columns, in the language in use."""
    return (
        Column(_("BOT"), NAME_CELLS),
        Column(_("STATE"), 10),
        Column(_("BASE"), 8),
        Column(_("MSG/S"), 5, "right"),
        Column(_("P95MS"), 6, "right"),
        Column(_("WAIT"), 5, "right"),
        Column(_("ERR"), 4, "right"),
        Column(_("UNSLV"), 5, "right"),
        Column(_("LAST"), 8, fill=True),
    )


def row_of(bot: BotInfo, *, is_old: bool = False) -> Row:
    """Return a bot's row; ``is_old``: nobody knows how it is now."""
    waiting = bot.waiting + bot.in_flight
    return Row(
        bot.name,
        (
            bot.name,
            (UNKNOWN if is_old else bot_look(bot)).cell,
            bot.base,
            number(bot.rate),
            number(bot.p95_ms),
            str(waiting),
            str(bot.errors),
            number(bot.unsolved),
            clock(bot.last_ms),
        ),
    )


class BotsScreen(Frame):
    """The first screen. Keys act on the marked bots, or on the one the cursor is on."""

    TITLE_TEXT = N_("Bots")
    DEFAULT_CSS = """
    BotsScreen #list { height: 1fr; }
    BotsScreen #table { width: 1fr; }
    BotsScreen #detail { display: none; width: 44; padding: 0 1; height: 1fr; }
    BotsScreen.-wide #detail, BotsScreen.-broad #detail { display: block; }
    BotsScreen.-broad #detail { width: 64; }
    BotsScreen #log { height: 9; }
    BotsScreen.-high #log { height: 1fr; }
    BotsScreen.-short #log { height: 5; }
    BotsScreen.-tiny #log { display: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "enable", N_("start"), id="bots.start"),
        Binding("S", "disable", N_("stop"), id="bots.stop"),
        Binding("l", "log", N_("log"), id="bots.log"),
        Binding("u", "unsolved", N_("Unsolved"), id="bots.unsolved"),
        Binding("m", "try", N_("try a phrase"), show=False, id="bots.try"),
        Binding("p", "panes", N_("Panes"), id="bots.panes"),
        Binding("tab,f6", "next_pane", N_("next pane"), show=False, id="bots.pane"),
    ]

    def body(self) -> ComposeResult:
        with Horizontal(id="list"):
            yield SpanTable(columns(), id="table")
            yield Lines(id="detail")
        yield FeedLog(sources=False, id="log")

    def on_mount(self) -> None:
        table = self.query_one(SpanTable)
        table.focus()
        table.set_empty(_("no bots yet; to add one: salo bot add --help"))
        self.query_one(FeedLog).filter_level(Level.INFO)

    def show(self, state: State) -> None:
        self.query_one(SpanTable).set_rows(row_of(bot, is_old=self.is_old) for bot in state.bots.values())
        self._show_bot()

    def marked_count(self) -> int:
        return len(self.query_one(SpanTable).marked)

    def _show_bot(self) -> None:
        """Show what is known of the bot under the cursor, and its log."""
        name = self.query_one(SpanTable).cursor_id
        bot = self.salo.state.bots.get(name or "")
        if bot is not None:
            self.query_one("#detail", Lines).set_lines(facts_of(bot))
            log = self.query_one(FeedLog)
            log.set_title(_("{bot} log").format(bot=bot.name))
            log.draw_from(self.salo.feeds.of(bot.name))

    def chosen(self) -> list[str]:
        """Return the bots that a key acts on, in the order of the list."""
        table = self.query_one(SpanTable)
        marked = [name for name in self.salo.state.bots if name in table.marked]
        return marked or ([table.cursor_id] if table.cursor_id else [])

    def on_span_table_highlighted(self) -> None:
        self._show_bot()

    def on_span_table_marks_changed(self, message: SpanTable.MarksChanged) -> None:
        self.salo.marked_bots = tuple(name for name in self.salo.state.bots if name in message.marked)
        self.show_bars(self.salo.state, self.salo.link)

    def on_span_table_selected(self, message: SpanTable.Selected) -> None:
        self.app.push_screen(BotScreen(message.row_id))

    def action_enable(self) -> None:
        self._run("enable")

    def action_disable(self) -> None:
        self._run("disable")

    def _run(self, verb: str) -> None:
        self.run_worker(self.salo.actions.run(*(f"bot {verb} {name}" for name in self.chosen())))

    def action_log(self) -> None:
        self.salo.show_log(self.chosen())

    def action_unsolved(self) -> None:
        name = self.query_one(SpanTable).cursor_id
        if name:
            self.salo.show_unsolved(name)

    def action_try(self) -> None:
        name = self.query_one(SpanTable).cursor_id
        if name:
            self.salo.colon.open(f"match -explain -bot {name} ")

    def action_panes(self) -> None:
        if not self.salo.marked_bots:
            self.salo.marked_bots = tuple(self.salo.state.bots)
        self.salo.go("panes")

    def find(self, text: str) -> object:
        return self.query_one(SpanTable).search(text)

    def action_next_pane(self) -> None:
        self.focus_next()
