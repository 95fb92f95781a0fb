"""The terminal: the list of screens and the keys that work everywhere, nothing else."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, cast

from textual.binding import Binding, BindingType
from textual.events import Key
from textual.screen import Screen
from textual.widgets import Input, TextArea

from db.settings import Settings
from db.texts import N_, _
from salo_tui.actions import Actions
from salo_tui.colon import Colon
from salo_tui.frame import Frame
from salo_tui.layout import latin_key
from salo_tui.linked import LinkedApp, TerminalOptions
from salo_tui.screens.bots import BotsScreen
from salo_tui.screens.dead import DeadScreen
from salo_tui.screens.help import HelpScreen
from salo_tui.screens.logs import LogsScreen
from salo_tui.screens.panes import PanesScreen
from salo_tui.screens.processes import ProcessesScreen
from salo_tui.screens.tickers import TickersScreen
from salo_tui.screens.unsolved import UnsolvedScreen
from salo_tui.screens.waiting import WaitingScreen
from salo_tui.store import LinkStatus

_POOR = ("linux", "vt", "ansi", "xterm-16color", "dumb")


class SaloApp(LinkedApp):
    """The operator's terminal. It ends with ``leave`` or ``stop``: what is to become of the platform."""

    SCREENS: ClassVar[dict[str, Callable[[], Screen[Any]]]] = {
        "bots": BotsScreen,
        "logs": LogsScreen,
        "unsolved": UnsolvedScreen,
        "tickers": TickersScreen,
        "processes": ProcessesScreen,
        "dead": DeadScreen,
        "panes": PanesScreen,
    }
    ENABLE_COMMAND_PALETTE = False
    ALLOW_SELECT = False  # a selection would colour each letter for itself
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("1,2", "go('bots')", N_("Bots"), id="go.bots"),
        Binding("3", "go('logs')", N_("Logs"), id="go.logs"),
        Binding("4", "go('unsolved')", N_("Unsolved"), id="go.unsolved"),
        Binding("5", "go('tickers')", N_("Tickers"), id="go.tickers"),
        Binding("6", "go('processes')", N_("Processes"), id="go.processes"),
        Binding("9", "go('dead')", N_("Dead letters"), id="go.dead"),
        Binding("0", "go('panes')", N_("Panes"), id="go.panes"),
        Binding("colon", "command", N_("command"), id="app.command", priority=True),
        Binding("question_mark,f1", "help", N_("help"), id="app.help"),
        Binding("r", "revive", N_("start the platform"), id="app.revive"),
        Binding("q", "leave", N_("quit"), id="app.leave"),
        Binding("escape", "back", N_("back"), show=False, id="app.back"),
        Binding("ctrl+c", "stay", N_("does not stop bots"), show=False, id="app.stay", priority=True),
        Binding("ctrl+q", "leave", N_("quit"), show=False, id="app.leave_too"),
        Binding("M", "mouse", N_("mouse on or off"), show=False, id="app.mouse"),
    ]

    def __init__(self, settings: Settings, options: TerminalOptions = TerminalOptions()) -> None:  # noqa: B008  # frozen
        super().__init__(settings, options)
        self.marked_bots: tuple[str, ...] = ()
        self.actions = Actions(self)
        self.colon = Colon(self)
        self._mouse = True

    # Where it shows what.

    def go(self, name: str) -> None:
        """Show a screen of the first rank, leaving those above it."""
        while len(self.screen_stack) > 2:
            self.pop_screen()
        if not isinstance(self.screen, self.SCREENS[name]):  # type: ignore[arg-type]
            self.switch_screen(name)

    def pass_by(self) -> None:
        if isinstance(self.screen_stack[1], WaitingScreen):
            self.go(self.options.first_screen)
        elif isinstance(self.screen, WaitingScreen):
            self.pop_screen()

    def wait_again(self) -> None:
        if not isinstance(self.frame, WaitingScreen):
            self.push_screen(WaitingScreen())

    def show_log(self, sources: Sequence[str]) -> None:
        """Show what these bots or processes say, on the screen of logs."""
        self.go("logs")
        cast(LogsScreen, self.get_screen("logs")).only(tuple(sources))

    def show_unsolved(self, bot: str) -> None:
        """Show what waits for an answer of one bot."""
        self.go("unsolved")
        cast(UnsolvedScreen, self.get_screen("unsolved")).only(bot)

    # Its life.

    def on_mount(self) -> None:
        self._take_theme(self.settings.terminal.theme or fitting_theme(os.environ))
        if self.settings.terminal.slow:
            self.set_slow(True)
        self.set_keymap(self.settings.terminal.keys)
        self.push_screen(WaitingScreen())
        self.follow()

    def _take_theme(self, name: str) -> None:
        """Take a theme; one that there is not leaves the usual one, and is told."""
        if name in self.available_themes:
            self.theme = name
        else:
            self.say(_("there is no theme {name}; :theme completes those there are").format(name=name), "bad")

    # Keys.

    async def on_key(self, event: Key) -> None:
        """Take a Russian letter that nobody wanted for the key in its place."""
        key = latin_key(event.character)
        if key is not None:
            event.stop()
            await self.in_turn.take_first(Key(key, None))

    def action_go(self, name: str) -> None:
        self.go(name)
        if isinstance(self.screen, LogsScreen):
            self.screen.only(())

    async def action_back(self) -> None:
        if len(self.screen_stack) > 2:
            self.pop_screen()
        elif self.link.is_up:
            self.go("bots")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Take ``:`` before the screens do, so that what is typed right behind it is never a key of theirs."""
        if action == "command":
            return isinstance(self.screen, Frame) and not isinstance(self.focused, Input | TextArea)
        if action == "revive":
            return self.link.status is LinkStatus.LOST and not (self.read_only or self.options.demo)
        return True

    def action_command(self) -> None:
        self.colon.open()

    def action_help(self) -> None:
        if self.frame is not None:
            self.push_screen(HelpScreen(self.frame))

    def action_stay(self) -> None:
        self.say(_("Ctrl-C stops nothing here; q leaves"))

    def action_mouse(self) -> None:
        """Give the mouse to the terminal, for selecting text, or take it back."""
        self._mouse = not self._mouse
        driver = self._driver
        if driver is not None:
            (driver._enable_mouse_support if self._mouse else driver._disable_mouse_support)()  # type: ignore[attr-defined]
        self.say(_("the mouse is ours") if self._mouse else _("the mouse is your terminal's: select and copy"))

    def action_leave(self) -> None:
        self.colon.leave()

    def action_revive(self) -> None:
        """Start a platform that is not there, also in a terminal that only attached."""
        self._revives = True
        self.keeper.start()


def fitting_theme(environ: Mapping[str, str]) -> str:
    """Return the theme for a terminal of few colours, or of many."""
    term = environ.get("TERM", "")
    return "ansi-dark" if term.startswith(_POOR) and not environ.get("COLORTERM") else "textual-dark"
