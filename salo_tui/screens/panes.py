"""Panes: the marked bots side by side, each with its state and the tail of its log, live."""

from __future__ import annotations

import math
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Grid

from db.protocol import BotInfo
from db.texts import N_, _
from salo_tui.feeds import FeedLog
from salo_tui.frame import Frame
from salo_tui.screens.bot import BotScreen
from salo_tui.state import State
from salo_tui.widgets.ring import Level
from salo_tui.words import bot_look, number

PANES_MAX = 20
PANE_CELLS, PANE_LINES = 38, 6  # the least that is still of use
BARS = 4  # lines of the frame


class BotPane(FeedLog):
    """The log of one bot. Its ``/`` is left to the screen, which looks in all of them."""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return False if action == "search" else super().check_action(action, parameters)


class PanesScreen(Frame):
    """A grid. The pane that is focused can fill it, and be opened."""

    TITLE_TEXT = N_("Panes")
    DEFAULT_CSS = """
    PanesScreen Grid { height: 1fr; grid-gutter: 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab,f6", "next(1)", N_("next"), id="panes.next"),
        Binding("shift+tab", "next(-1)", N_("previous"), show=False, id="panes.previous"),
        Binding("enter", "open", N_("open"), id="panes.open"),
        Binding("Z", "zoom", N_("full screen"), id="panes.zoom"),
        Binding("right_square_bracket", "turn(1)", N_("more bots"), id="panes.more"),
        Binding("left_square_bracket", "turn(-1)", N_("bots before"), show=False, id="panes.before"),
        Binding("slash", "search", N_("find in all"), id="panes.search", priority=True),
        Binding("escape", "leave", N_("back"), show=False, id="panes.back"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._names: tuple[str, ...] = ()  # of the panes that are there
        self._first = 0  # of the bots that are shown
        self._zoomed = False  # the pane that is focused fills the room of all; the bars stay, and the prompt

    def body(self) -> ComposeResult:
        yield Grid()

    def note(self) -> str:
        count, shown = len(self._wanted()), len(self._names)
        if shown >= count:
            return ""
        last = self._first + shown
        return _("{first}–{last} of {count}").format(first=self._first + 1, last=last, count=count)

    def _wanted(self) -> tuple[str, ...]:
        bots = self.salo.state.bots
        return tuple(name for name in self.salo.marked_bots if name in bots) or tuple(bots)

    def show(self, state: State) -> None:
        wanted = self._wanted()
        most = min(PANES_MAX, panes_that_fit(*self._room()))
        self._first = max(0, min(self._first, len(wanted) - 1))
        names = wanted[self._first : self._first + most]
        if names != self._names:
            self._names = names
            self.run_worker(self._build(), exclusive=True, group="panes")
        for pane in self.query(FeedLog):
            bot = state.bots.get(pane.id or "")
            if bot is not None:
                _entitle(pane, bot)

    def _room(self) -> tuple[int, int]:
        """Return the columns and lines that the grid has."""
        return self.size.width, self.size.height - BARS

    def action_turn(self, by: int) -> None:
        """Show the next bots, or those before."""
        count, most = len(self._wanted()), max(1, len(self._names))
        if 0 <= self._first + by * most < count:
            self._first += by * most
            self.tell(self.salo.state, self.salo.link)

    async def _build(self) -> None:
        """Make a pane for each bot anew. One that fills the screen gives it back: it goes."""
        self._zoomed = False
        grid = self.query_one(Grid)
        await grid.remove_children()
        await grid.mount_all([BotPane(sources=False, id=name) for name in self._names])
        self._fit()
        for pane in self.query(FeedLog):
            bot = self.salo.state.bots.get(pane.id or "")
            if bot is not None:  # else it went just now, and the next news takes its pane along
                _entitle(pane, bot)
            pane.filter_level(Level.INFO)
            pane.draw_from(self.salo.feeds.of(pane.id or ""))
        if self._names and not isinstance(self.focused, FeedLog):
            self.query(FeedLog).first().focus()

    def on_resize(self) -> None:
        super().on_resize()
        self.show(self.salo.state)
        self._fit()

    def _fit(self) -> None:
        """Lay the panes out in as many columns as the width, and the height, asks for."""
        for pane in self.query(FeedLog):
            pane.display = not self._zoomed or pane is self.focused
        columns = 1 if self._zoomed else columns_for(len(self._names), *self._room())
        self.query_one(Grid).styles.grid_size_columns = columns

    def action_next(self, by: int) -> None:
        """Go to the next pane; one that fills the screen gives it to that."""
        panes = list(self.query(FeedLog))
        if panes:
            at = panes.index(self.focused) if self.focused in panes else -1
            pane = panes[(at + by) % len(panes)]
            pane.display = True
            self.set_focus(pane)
            self._fit()

    def action_open(self) -> None:
        if self.focused is not None and self.focused.id:
            self.app.push_screen(BotScreen(self.focused.id))

    def action_zoom(self) -> None:
        """Let the pane that is focused fill the screen, or be one of them again."""
        self._zoomed = not self._zoomed and isinstance(self.focused, FeedLog)
        self._fit()

    def action_leave(self) -> None:
        """End the full screen; from the panes themselves go back."""
        if self._zoomed:
            self.action_zoom()
        else:
            self.app.call_later(self.app.run_action, "back")

    def find(self, text: str) -> object:
        return [pane.search(text) for pane in self.query(FeedLog)]


def columns_for(count: int, width: int, height: int) -> int:
    """Return in how many columns ``count`` panes are laid out: as few as leave each enough lines, or as fit."""
    most = max(1, width // PANE_CELLS)
    rows = max(1, height // PANE_LINES)
    return max(1, min(most, math.ceil(count / rows)))


def panes_that_fit(width: int, height: int) -> int:
    """Return how many panes of use there is room for."""
    return max(1, width // PANE_CELLS) * max(1, height // PANE_LINES)


def _entitle(pane: FeedLog, bot: BotInfo) -> None:
    """Write a bot's state over its pane; only what changed is sent."""
    title = _("{bot} {state} · {rate}/s · waiting {waiting} · unsolved {unsolved}").format(
        bot=bot.name, state=bot_look(bot).text, rate=number(bot.rate), waiting=bot.waiting + bot.in_flight,
        unsolved=number(bot.unsolved))  # fmt: skip
    pane.set_title(title)
