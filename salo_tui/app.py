"""The terminal: the list of screens and the keys that work everywhere, fed by the store alone."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, cast

from textual.app import App
from textual.binding import Binding, BindingType
from textual.events import Event, Key
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Input, TextArea

from db.errors import SaloError
from db.protocol import PlatformEvent
from db.settings import Settings
from db.texts import N_, _
from salo_tui.actions import Actions
from salo_tui.colon import Colon
from salo_tui.drafts import Drafts
from salo_tui.driver import TerminalDriver
from salo_tui.feeds import Feeds
from salo_tui.following import Following
from salo_tui.frame import Frame
from salo_tui.keeper import Keeper, Phase, Standing
from salo_tui.launch import Tie
from salo_tui.layout import latin_key
from salo_tui.screens.bots import BotsScreen
from salo_tui.screens.dead import DeadScreen
from salo_tui.screens.help import HelpScreen
from salo_tui.screens.logs import LogsScreen
from salo_tui.screens.panes import PanesScreen
from salo_tui.screens.processes import ProcessesScreen
from salo_tui.screens.tickers import TickersScreen
from salo_tui.screens.unsolved import UnsolvedScreen
from salo_tui.screens.waiting import WaitingScreen
from salo_tui.state import State
from salo_tui.store import NOTIFY_S, Link, LinkStatus, Store
from salo_tui.taught import Taught
from salo_tui.widgets.log_view import FRAMES_PER_S
from salo_tui.widgets.table_lines import Piece

CATCH_UP_S = 0.05  # between two looks of the log panes at what came
HISTORY = 1000  # lines taken from before we came
SLOW_S, SLOW_FRAMES = 1.0, 2
_POOR = ("linux", "vt", "ansi", "xterm-16color", "dumb")


@dataclass(frozen=True, slots=True)
class TerminalOptions:
    """How the terminal was started. ``starts``: it starts the platform. In a demo, leaving it ends the demo."""

    read_only: bool = False
    starts: bool = False
    demo: bool = False
    ephemeral: bool = False
    first_screen: str = "bots"


class SaloApp(App[str]):
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

    def __init__(self, settings: Settings, options: TerminalOptions = TerminalOptions()) -> None:  # frozen
        super().__init__(driver_class=TerminalDriver)
        self.settings = settings
        self.options = options
        self.read_only = options.read_only
        self.feeds = Feeds()
        self.marked_bots: tuple[str, ...] = ()
        self.last_news = (int(time.time() * 1000), first_news(options))
        self.store = Store(settings.state, self._on_state, self._on_link, self._on_event)
        self.tie = Tie() if options.ephemeral else None
        self.keeper = Keeper(settings, lambda: self.may_start, self._on_standing, self.tie)
        self.actions = Actions(self)
        self.taught = Taught()
        self.drafts = Drafts()
        self.colon = Colon(self)
        self._catching_up: Timer | None = None
        self.following = Following(self.feeds, self._on_news)
        self._revives = False
        self._is_closing = False
        self._mouse = True
        self.slow = False

    # What screens ask.

    @property
    def state(self) -> State:
        return self.store.state

    @property
    def link(self) -> Link:
        return self.store.link

    @property
    def may_start(self) -> bool:
        """Whether a platform that is not there is ours to start."""
        return (self.options.starts or self._revives) and not self.read_only

    @property
    def frame(self) -> Frame | None:
        """The screen that is seen, below whatever dialog is open; none at the end."""
        if self._is_closing:
            return None
        return next((screen for screen in reversed(self.screen_stack) if isinstance(screen, Frame)), None)

    def go(self, name: str) -> None:
        """Show a screen of the first rank, leaving those above it."""
        while len(self.screen_stack) > 2:
            self.pop_screen()
        if not isinstance(self.screen, self.SCREENS[name]):  # type: ignore[arg-type]
            self.switch_screen(name)

    def pass_by(self) -> None:
        """Leave the screen of the start."""
        if isinstance(self.screen_stack[1], WaitingScreen):
            self.go(self.options.first_screen)
        elif isinstance(self.screen, WaitingScreen):
            self.pop_screen()

    def close(self, answer: str) -> None:
        """End, and take no more keys or news while that goes on."""
        self._is_closing = True
        self.exit(answer)

    async def on_event(self, event: Event) -> None:
        if not (self._is_closing and isinstance(event, Key)):
            await super().on_event(event)

    def tell_news(self, at_ms: int, pieces: list[Piece]) -> None:
        """Show what was done, or happened, in the event line of all screens."""
        self.last_news = (at_ms, pieces)
        if self.frame is not None:
            self.frame.show_news(at_ms, pieces)

    def say(self, text: str, tone: str = "") -> None:
        """Show a word of the terminal itself in the event line."""
        self.tell_news(int(time.time() * 1000), [Piece(text, tone)])

    def show_log(self, sources: Sequence[str]) -> None:
        """Show what these bots or processes say, on the screen of logs."""
        self.go("logs")
        cast(LogsScreen, self.get_screen("logs")).only(tuple(sources))

    def show_unsolved(self, bot: str) -> None:
        """Show what waits for an answer of one bot."""
        self.go("unsolved")
        cast(UnsolvedScreen, self.get_screen("unsolved")).only(bot)

    def set_slow(self, slow: bool) -> None:
        """Send less from now on, or as usual."""
        self.slow = slow
        self.store.notify_s = SLOW_S if slow else NOTIFY_S
        self.say(_("slow link: state once a second, logs twice") if slow else _("fast link"))

    @property
    def frames_per_s(self) -> int:
        """How often log panes may paint."""
        return SLOW_FRAMES if self.slow else FRAMES_PER_S

    # Its life.

    def on_mount(self) -> None:
        self._take_theme(self.settings.terminal.theme or fitting_theme(os.environ))
        if self.settings.terminal.slow:
            self.set_slow(True)
        self.set_keymap(self.settings.terminal.keys)
        self.push_screen(WaitingScreen())
        self.run_worker(self.store.run(), name="store", exit_on_error=True)

    def _take_theme(self, name: str) -> None:
        """Take a theme; one that there is not leaves the usual one, and is told."""
        if name in self.available_themes:
            self.theme = name
        else:
            self.say(_("there is no theme {name}; :theme completes those there are").format(name=name), "bad")

    def _on_state(self, state: State) -> None:
        self.keeper.state_changed(state)
        if self.frame is not None:
            self.frame.tell(state, self.link)

    def _on_link(self, link: Link) -> None:
        if link.status is LinkStatus.LOST and link.attempt == 1:
            reason = f": {link.reason}" if link.reason else ""
            text = _("the platform is gone{reason}; coming back as soon as it is there")
            if not self.read_only and not self.may_start:
                text = _("the platform is gone{reason}; r starts it")
            self.say(text.format(reason=reason), "bad")
        elif link.status is LinkStatus.RECONNECTED:
            self.say(_("the platform is back, pid {pid}").format(pid=self.state.platform.get("pid")), "good")
        self.keeper.link_changed(link, self.state)
        if link.is_up:
            self.following.begin(int(self.state.platform.get("pid") or 0))
            self.run_worker(self._greet(), name="greet", exclusive=True, group="greet")
        if self.frame is not None:
            self.frame.tell(self.state, link)

    def _on_standing(self, standing: Standing) -> None:
        if standing.phase is Phase.STARTING:
            self.store.hurry()
        elif standing.phase is Phase.UP:
            self.pass_by()
        elif standing.waits_for_us and self.may_start and not isinstance(self.frame, WaitingScreen):
            self.push_screen(WaitingScreen())
        elif standing.phase is Phase.STOPPED:
            self.say(_("the platform was stopped by {who}; r starts it").format(who=standing.reason), "warn")
        elif standing.phase is Phase.DIED:
            self.say(_("the platform died; it is started again"), "bad")
        if self.frame is not None:
            self.frame.refresh_bindings()
            self.frame.tell(self.state, self.link)

    async def _greet(self) -> None:
        """Learn the commands and the last lines of a platform that we have just reached."""
        client = self.store.client
        if client is None:
            return
        history: list[PlatformEvent] = []
        try:
            self.actions.declarations = await client.describe()
            history = await client.history(HISTORY)
        except SaloError:
            pass  # it went away again; the next link begins anew
        self.following.put_history(history)
        self._catch_up()

    def _on_event(self, event: PlatformEvent) -> None:
        self.following.take(event)
        if self._catching_up is None:
            self._catching_up = self.set_timer(CATCH_UP_S, self._catch_up)

    def _on_news(self, event: PlatformEvent) -> None:
        """Tell that a bot has used an answer that was given here."""
        if event.topic == "event" and self.taught.is_used_by(event.data):
            used = _("{bot} has just used the new answer: «{said}» → «{reply}»")
            facts = {"bot": event.data.get("bot"), "said": event.data.get("text"), "reply": event.data.get("reply")}
            self.tell_news(event.at_ms, [Piece(used.format(**facts), "good")])

    def _catch_up(self) -> None:
        if self._catching_up is not None:
            self._catching_up.stop()
            self._catching_up = None
        if self.frame is not None:
            self.frame.catch_up()

    # Keys.

    def on_key(self, event: Key) -> None:
        """Take a Russian letter that nobody wanted for the key in its place."""
        key = latin_key(event.character)
        if key is not None:
            event.stop()
            self.simulate_key(key)

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
            return self.link.status is LinkStatus.LOST and not self.read_only
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


def first_news(options: TerminalOptions) -> list[Piece]:
    """Return what the event line says at the start: in a demo, what there is to try."""
    if options.demo:
        text = _("demo: 4 shows what nobody could answer; ↵ answers, ^s saves: then see the bot use it")
        return [Piece(text, "accent")]
    return [Piece(_("? shows all keys, : takes any command"), "dim")]


def fitting_theme(environ: Mapping[str, str]) -> str:
    """Return the theme for a terminal of few colours, or of many."""
    term = environ.get("TERM", "")
    return "ansi-dark" if term.startswith(_POOR) and not environ.get("COLORTERM") else "textual-dark"
