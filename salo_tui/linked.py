"""An app that follows a platform: its state and what it says, its coming and going, and what became of wishes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from textual.app import App
from textual.events import Event
from textual.timer import Timer
from textual.worker import Worker, WorkerState

from db.errors import SaloError
from db.protocol import PlatformEvent
from db.settings import Settings
from db.texts import _
from salo_tui.drafts import Drafts
from salo_tui.driver import TerminalDriver
from salo_tui.feeds import Feeds
from salo_tui.following import Following
from salo_tui.frame import Frame
from salo_tui.in_turn import InTurn
from salo_tui.keeper import Keeper, Phase, Standing
from salo_tui.launch import Tie
from salo_tui.state import State
from salo_tui.store import NOTIFY_S, Link, LinkStatus, Store
from salo_tui.taught import Taught
from salo_tui.widgets.log_view import FRAMES_PER_S
from salo_tui.widgets.table_lines import Piece

CATCH_UP_S = 0.05  # between two looks of the log panes at what came
HISTORY = 1000  # lines taken from before we came
SLOW_S, SLOW_FRAMES = 1.0, 2


@dataclass(frozen=True, slots=True)
class TerminalOptions:
    """How the terminal was started. ``starts``: it starts the platform. In a demo, leaving it ends the demo."""

    read_only: bool = False
    starts: bool = False
    demo: bool = False
    ephemeral: bool = False
    first_screen: str = "bots"


class LinkedApp(App[str]):
    """Feeds the frame that is seen from the store alone, and keeps a platform running where that is its business."""

    def __init__(self, settings: Settings, options: TerminalOptions = TerminalOptions()) -> None:  # frozen
        super().__init__(driver_class=TerminalDriver)
        self.settings = settings
        self.options = options
        self.read_only = options.read_only
        self.feeds = Feeds()
        self.declarations: Sequence[Mapping[str, Any]] = ()  # of the platform's commands
        self.last_news = (int(time.time() * 1000), first_news(options))
        self.store = Store(settings.state, self._on_state, self._on_link, self._on_event)
        self.tie = Tie() if options.ephemeral else None
        self.keeper = Keeper(settings, lambda: self.may_start, self._on_standing, self.tie)
        self.taught = Taught()
        self.drafts = Drafts()
        self._follower: Worker[None] | None = None
        self._catching_up: Timer | None = None
        self.following = Following(self.feeds, self._on_news)
        self._revives = False
        self._is_closing = False
        self.in_turn = InTurn(self, self._take_input)
        self.slow = False

    def pass_by(self) -> None:
        """Leave the screen of the start: the platform is up."""
        raise NotImplementedError

    def wait_again(self) -> None:
        """Show the screen of the start: the platform waits for the operator."""
        raise NotImplementedError

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

    def close(self, answer: str) -> None:
        """End, and take no more keys or news while that goes on."""
        self._is_closing = True
        self.exit(answer)

    async def on_event(self, event: Event) -> None:
        if self.in_turn.takes(event):
            await self.in_turn.take(event)
        else:
            await super().on_event(event)

    async def _take_input(self, event: Event) -> None:
        """Do what a key or the mouse asks for, its turn being come."""
        if not self._is_closing:
            await super().on_event(event)

    def tell_news(self, at_ms: int, pieces: list[Piece]) -> None:
        """Show what was done, or happened, in the event line of all screens."""
        self.last_news = (at_ms, pieces)
        if self.frame is not None:
            self.frame.show_news(at_ms, pieces)

    def say(self, text: str, tone: str = "") -> None:
        """Show a word of the terminal itself in the event line."""
        self.tell_news(int(time.time() * 1000), [Piece(text, tone)])

    def set_slow(self, slow: bool) -> None:
        """Send less from now on, or as usual."""
        self.slow = slow
        self.store.notify_s = SLOW_S if slow else NOTIFY_S
        self.say(_("slow link: state once a second, logs twice") if slow else _("fast link"))

    @property
    def frames_per_s(self) -> int:
        """How often log panes may paint."""
        return SLOW_FRAMES if self.slow else FRAMES_PER_S

    # What the store and the keeper tell.

    def follow(self) -> None:
        """Follow the platform from now on."""
        self._follower = self.run_worker(self.store.run(), name="store", group="store", exit_on_error=True)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Begin again when the follower ended otherwise than with the terminal: all would be green for ever."""
        ended = event.state in (WorkerState.CANCELLED, WorkerState.SUCCESS)
        if event.worker is self._follower and ended and not self._is_closing and self.is_running:
            self.follow()

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
        elif standing.waits_for_us and self.may_start:
            self.wait_again()
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
            self.declarations = await client.describe()
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


def first_news(options: TerminalOptions) -> list[Piece]:
    """Return what the event line says at the start: in a demo, what there is to try."""
    if options.demo:
        text = _("demo: 4 shows what nobody could answer; ↵ answers, ^s saves: then see the bot use it")
        return [Piece(text, "accent")]
    return [Piece(_("? shows all keys, : takes any command"), "dim")]
