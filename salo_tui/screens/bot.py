"""One bot: all that is known of it, and its log."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from db.protocol import BotInfo
from db.texts import N_, _
from salo_tui.feeds import FeedLog
from salo_tui.frame import Frame
from salo_tui.state import State
from salo_tui.widgets.lines import Lines
from salo_tui.widgets.ring import Level
from salo_tui.widgets.table_lines import Piece
from salo_tui.words import NOTHING, bot_look, clock, health_look, number

LABEL_CELLS = 14


def facts_of(bot: BotInfo) -> list[list[Piece]]:
    """Return what is known of a bot, one fact a line."""
    look, health = bot_look(bot), bot.health
    place = {"running": _("on this host"), "elsewhere": _("on another host"), "stopped": _("stopped")}[bot.lane]
    if bot.lane == "elsewhere" and bot.host:
        place = _("on host {host}").format(host=bot.host)
    waits = _("{waiting}, in work {busy}").format(waiting=bot.waiting, busy=bot.in_flight)
    facts = [
        (_("state"), Piece(look.text, look.tone)),
        (_("title"), Piece(bot.title or NOTHING)),
        (_("lane"), Piece(place)),
        (_("waits"), Piece(waits)),
        (_("callback"), Piece(f"/callback/{bot.group_id}")),
        (_("base"), Piece(bot.base)),
        (_("messages"), Piece(_("{rate}/s, p95 {p95} ms").format(rate=number(bot.rate), p95=number(bot.p95_ms)))),
        (_("errors"), Piece(_("{count} in 5 min").format(count=bot.errors), "warn" if bot.errors else "")),
        (_("Unsolved").lower(), Piece(number(bot.unsolved), "accent" if bot.unsolved else "")),
        (_("last"), Piece(clock(bot.last_ms))),
    ]
    lines = [[_label(label), piece] for label, piece in facts]
    if health is not None:
        word = health_look(health)
        lines.append([_label(_("check")), Piece(word.text, word.tone), Piece(f" {clock(health.at_ms)}", "dim")])
        lines += [[Piece(" " * LABEL_CELLS), Piece(part, word.tone)] for part in _wrapped(health.text)]
    return lines


def _label(text: str) -> Piece:
    return Piece(text[: LABEL_CELLS - 1].ljust(LABEL_CELLS), "dim")


def _wrapped(text: str, width: int = 30) -> list[str]:
    """Return the text in lines of at most ``width`` signs, broken at blanks."""
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return [line for line in lines if line]


class BotScreen(Frame):
    """The detail of one bot. ``[`` and ``]`` go to its neighbours."""

    DEFAULT_CSS = """
    BotScreen #facts { height: 13; padding: 0 1; }
    BotScreen #log { height: 1fr; }
    BotScreen.-short #facts, BotScreen.-tiny #facts { height: 1fr; }
    BotScreen.-short #log, BotScreen.-tiny #log { display: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "app.back", N_("back"), id="bot.back"),
        Binding("s", "run('enable')", N_("start"), id="bot.start"),
        Binding("S", "run('disable')", N_("stop"), id="bot.stop"),
        Binding("u", "unsolved", N_("Unsolved"), id="bot.unsolved"),
        Binding("m", "try", N_("try a phrase"), id="bot.try"),
        Binding("left_square_bracket", "turn(-1)", N_("previous"), id="bot.previous"),
        Binding("right_square_bracket", "turn(1)", N_("next"), id="bot.next"),
    ]

    def __init__(self, name: str) -> None:
        super().__init__()
        self._bot = name

    def body(self) -> ComposeResult:
        yield Lines(id="facts")
        yield FeedLog(sources=False, id="log")

    def crumbs(self) -> list[str]:
        return [_("Bots"), self._bot]

    def on_mount(self) -> None:
        log = self.query_one(FeedLog)
        log.focus()
        log.filter_level(Level.DEBUG)

    def show(self, state: State) -> None:
        bot = state.bots.get(self._bot)
        if bot is None:
            text = _("there is no bot {bot} any more").format(bot=self._bot)
            self.query_one("#facts", Lines).set_lines([[Piece(text, "bad")]])
            return
        self.query_one("#facts", Lines).set_lines(facts_of(bot))
        log = self.query_one(FeedLog)
        log.set_title(_("{bot} log").format(bot=bot.name))
        log.draw_from(self.salo.feeds.of(bot.name))

    def action_run(self, verb: str) -> None:
        self.run_worker(self.salo.actions.run(f"bot {verb} {self._bot}"))

    def action_unsolved(self) -> None:
        self.salo.show_unsolved(self._bot)

    def action_try(self) -> None:
        """Ask what this bot would do with a phrase; it is still to be typed."""
        self.salo.colon.open(f"match -explain -bot {self._bot} ")

    def action_turn(self, by: int) -> None:
        """Go to the next bot of the list, or the one before."""
        names = list(self.salo.state.bots)
        if self._bot in names:
            self._bot = names[(names.index(self._bot) + by) % len(names)]
            self.tell(self.salo.state, self.salo.link)
