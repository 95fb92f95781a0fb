"""The frame of all screens: where we are, the lamps, the last event, the keys; and how news reaches a screen."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Input, TextArea

from db.texts import N_, _, ngettext
from salo_tui.feeds import FeedLog
from salo_tui.saved import save, saved_path
from salo_tui.state import State
from salo_tui.store import Link, LinkStatus
from salo_tui.widgets.keybar import KeyBar
from salo_tui.widgets.lines import Bar
from salo_tui.widgets.prompt import COMMAND, SEARCH, Prompt
from salo_tui.widgets.ring_log import RingLog
from salo_tui.widgets.table_lines import Piece
from salo_tui.words import bots_in_all, health_look, link_look, number

if TYPE_CHECKING:
    from salo_tui.app import SaloApp

NAME = "Salo-G2"
NEED_LINK = frozenset({"restart", "replay"})
SHORT_BELOW = 120  # columns: then the bots are counted without words


class Frame(Screen[None]):
    """A screen of the terminal. A subclass has a ``TITLE_TEXT``, a ``body`` and shows the ``state`` it is given."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (120, "-wide"), (160, "-broad")]  # noqa: RUF012  # as Textual has it
    # Where there are few rows, the log gives way first, and the bars never.
    VERTICAL_BREAKPOINTS = [(0, "-tiny"), (13, "-short"), (20, "-low"), (30, "-high")]  # noqa: RUF012
    TITLE_TEXT: ClassVar[str] = ""  # N_() text
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "search", N_("find"), show=False, id="frame.search", priority=True)
    ]
    DEFAULT_CSS = """
    Frame { layers: base; overflow: hidden; }
    Frame > #crumbs { background: $panel; }
    Frame > #lamps { color: $text-muted; }
    """

    def compose(self) -> ComposeResult:
        yield Bar(id="crumbs")
        yield from self.body()
        yield Bar(id="lamps")
        yield Bar(id="news")
        yield Prompt(id="prompt")
        yield KeyBar(id="keys")

    # What a screen says of itself.

    def body(self) -> ComposeResult:
        """Yield what stands between the bars."""
        raise NotImplementedError

    def crumbs(self) -> list[str]:
        """Return the way to here, below ``Salo-G2``."""
        return [_(self.TITLE_TEXT)]

    def note(self) -> str:
        """Return what the crumbs line tells besides, such as how many rows there are."""
        return ""

    def show(self, state: State) -> None:
        """Show the state as it is now. Called when it changed, and when the screen comes up."""

    # What the app tells it.

    @property
    def salo(self) -> SaloApp:
        return cast("SaloApp", self.app)

    def tell(self, state: State, link: Link) -> None:
        """Show the state here and in the bars, once there is something to show it on."""
        if self._has_bars:
            self.show(state)
            self.show_bars(state, link)

    def show_bars(self, state: State, link: Link) -> None:
        way = [Piece(NAME, "title"), *(Piece(f" ▸ {step}") for step in self.crumbs())]
        note = self.note()
        summary = _summary(state, link, short=self.size.width < SHORT_BELOW, read_only=self.salo.read_only)
        self.query_one("#crumbs", Bar).set([*way, Piece(f"   {note}", "dim")] if note else way, summary)
        self.query_one("#lamps", Bar).set(_lamps(state, link, self.marked_count()))

    def show_news(self, at_ms: int, pieces: list[Piece]) -> None:
        """Show the last event in its line."""
        if not self._has_bars:
            return
        stamp = time.strftime("%H:%M:%S ", time.localtime(at_ms / 1000))
        self.query_one("#news", Bar).set([Piece(stamp, "dim"), *pieces])

    @property
    def is_old(self) -> bool:
        """Whether what is known of the platform is from before."""
        return self.salo.link.status is LinkStatus.LOST

    @property
    def _has_bars(self) -> bool:
        """Whether there is something to show things on: not yet at the start, no more at the end."""
        return self.is_mounted and bool(self.query(KeyBar))

    def catch_up(self) -> None:
        """Let the log panes take what came."""
        for pane in self.query(FeedLog):
            pane.catch_up()

    def marked_count(self) -> int:
        """Return how many rows are marked here."""
        return 0

    # What is typed at its foot.

    def find(self, text: str) -> object:
        """Mark what reads ``text``; none ends it."""

    def action_search(self) -> None:
        """Look for words in the log that has the focus, or else on the screen."""
        if isinstance(self.focused, RingLog) and self.focused.check_action("search", ()):
            self.salo.colon.search(self.focused.search)
        else:
            self.salo.colon.search(self.find)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Take ``/`` before the focus does, so that what is typed right behind is no key; but not out of a text.

        What changes a process or a letter waits for a link; ``r`` then starts the platform.
        """
        if action in NEED_LINK and not self.salo.link.is_up:
            return False
        return action != "search" or not isinstance(self.focused, Input | TextArea)

    def on_prompt_submitted(self, message: Prompt.Submitted) -> None:
        if message.kind == COMMAND:
            self.run_worker(self.salo.colon.run(message.text))
        else:
            self.salo.colon.look_for(message.text)

    def on_prompt_changed(self, message: Prompt.Changed) -> None:
        if message.kind == SEARCH:
            self.salo.colon.look_for(message.text)

    def on_prompt_cancelled(self, message: Prompt.Cancelled) -> None:
        if message.kind == SEARCH:
            self.salo.colon.look_for("")

    # What a log pane wishes.

    def on_ring_log_search_wanted(self, message: RingLog.SearchWanted) -> None:
        self.salo.colon.search(message.log.search)

    def on_ring_log_filter_wanted(self, message: RingLog.FilterWanted) -> None:
        self.salo.colon.search(message.log.filter)

    def on_ring_log_copied(self, message: RingLog.Copied) -> None:
        self.salo.say(_("copied: {line}").format(line=message.text))

    def on_ring_log_save_wanted(self, message: RingLog.SaveWanted) -> None:
        if self.salo.read_only:
            self.salo.say(_("this terminal changes nothing; no file was written"), "bad")
            return
        folder = Path.cwd() if self.salo.options.demo else self.salo.settings.state.logs  # a demo leaves no logs
        path = saved_path(folder, message.log.title, time.time())
        try:
            save(path, message.lines)
        except OSError as error:
            self.salo.say(_("the log was not saved: {reason}").format(reason=error), "bad")
        else:
            text = ngettext("saved {path}, {count} line", "saved {path}, {count} lines", len(message.lines))
            self.salo.say(text.format(path=path, count=len(message.lines)), "good")

    # Its life.

    def on_mount(self) -> None:
        self.bindings_updated_signal.subscribe(self, self._show_keys)

    def on_screen_resume(self) -> None:
        self.tell(self.salo.state, self.salo.link)
        self.show_news(*self.salo.last_news)
        self.catch_up()

    def on_resize(self) -> None:
        self.call_after_refresh(self._show_keys, self)

    def _show_keys(self, _screen: Screen[object]) -> None:
        if self.is_current:
            self.query_one(KeyBar).show_keys(self)


def _summary(state: State, link: Link, *, short: bool, read_only: bool) -> list[Piece]:
    """Return the crumbs line's right side: the link where it is not well, the bots, what waits for a moderator."""
    look = link_look(link)
    if read_only:
        return [Piece(_("only looks") + "  ", "warn"), *_summary(state, link, short=short, read_only=False)]
    if look is not None:
        attempt = " · " + _("attempt {n}").format(n=link.attempt) if link.attempt > 1 else ""
        return [Piece(f"{look.text}{attempt}", look.tone)]
    pieces: list[Piece] = []
    phase = state.platform.get("state")
    if phase not in ("running", None):
        pieces.append(Piece(_("the platform stops") if phase == "stopping" else _("the platform starts"), "warn"))
        pieces.append(Piece("  "))
    for bot_look, count in bots_in_all(state):
        word = "" if short else f" {_(bot_look.word)}"
        pieces.append(Piece(f"{count}{bot_look.sign}{word}  ", bot_look.tone))
    unsolved = sum(bot.unsolved or 0 for bot in state.bots.values())
    text = _("unslvd {count}") if short else _("unsolved {count}")
    pieces.append(Piece(text.format(count=unsolved), "accent" if unsolved else "dim"))
    dead = int(state.platform.get("dead") or 0)
    if dead and short:
        pieces.append(Piece("  " + _("dead {count}").format(count=dead), "bad"))
    elif dead:
        text = ngettext("{count} dead letter", "{count} dead letters", dead).format(count=dead)
        pieces.append(Piece(f"  {text}", "bad"))
    return pieces


def _lamps(state: State, link: Link, marked: int) -> list[Piece]:
    """Return the lamps, each with its sign, its word, and how long it took to answer; none while nobody tells us."""
    if link.status is LinkStatus.LOST:
        return [Piece(_("no link to the platform: what is shown is from before"), "bad")]
    pieces: list[Piece] = []
    if marked:
        pieces.append(Piece(_("marked {count}").format(count=marked) + " · ", "accent"))
    for name, health in state.lamps.items():
        look = health_look(health)
        took = _(" {ms} ms").format(ms=number(health.ms)) if health.ms is not None else ""
        text = f": {health.text}" if health.state != "ok" and health.text else ""
        pieces += [Piece(f"{name} "), Piece(f"{look.text}{took}{text}", look.tone), Piece(" · ")]
    return pieces[:-1]
