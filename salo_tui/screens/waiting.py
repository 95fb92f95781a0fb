"""What is shown until the platform is up: how far it is, or why it is not there and what to do."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Iterable, Iterator
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Center, Middle

from db.protocol import ProcessInfo
from db.settings import Settings
from db.texts import N_, _
from salo_tui.frame import Frame
from salo_tui.keeper import Phase, Standing
from salo_tui.state import State
from salo_tui.widgets.lines import Lines
from salo_tui.widgets.table_lines import Piece
from salo_tui.words import UNKNOWN, Look, process_look

NAME_CELLS = 14
WIDTH, HEIGHT = 76, 18
WORDS_LINES = HEIGHT - 8  # of a platform that did not start
Line = list[Piece]

_STEPS = {
    "redis": N_("keeps what comes in"),
    "callback": N_("takes events from VK"),
    "zygote": N_("makes the workers that answer"),
    "mariadb": N_("keeps answers and people"),
    "journal": N_("writes the history"),
}
_NOT_YET = Look(UNKNOWN.sign, N_("not yet"), UNKNOWN.tone)


class WaitingScreen(Frame):
    """The way to a running platform, step by step."""

    TITLE_TEXT = N_("Start")
    AUTO_FOCUS = ""  # not the prompt, which is the only one that could have it
    DEFAULT_CSS = f"""
    WaitingScreen #steps {{ width: 100%; max-width: {WIDTH}; height: {HEIGHT}; }}
    WaitingScreen Middle {{ height: 1fr; }}
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r,к", "start", N_("start it"), id="waiting.start"),
        Binding("escape", "skip", N_("look at the screens"), id="waiting.skip"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._since = time.monotonic()

    def body(self) -> ComposeResult:
        with Middle(), Center():
            yield Lines(id="steps")

    def on_mount(self) -> None:
        self.set_interval(1.0, lambda: self.show(self.salo.state))

    def on_screen_resume(self) -> None:
        """Go when the platform came up while a window lay over this."""
        if self.salo.keeper.standing.phase is Phase.UP:
            self.app.call_later(self.salo.pass_by)

    def show(self, state: State) -> None:
        salo = self.salo
        seconds = int(time.monotonic() - self._since)
        lines = [*told(salo.keeper.standing, salo.settings, seconds, can_start=salo.may_start)]
        if salo.link.is_up:
            lines += [[], *steps(salo.settings, state)]
        self.query_one("#steps", Lines).set_lines(lines)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "start":
            return self.salo.may_start and self.salo.keeper.standing.waits_for_us
        return True

    def action_start(self) -> None:
        self._since = time.monotonic()
        self.salo.keeper.start()

    def action_skip(self) -> None:
        self.salo.pass_by()


def told(standing: Standing, settings: Settings, seconds: int, *, can_start: bool) -> Iterator[Line]:
    """Yield what is going on, and what the operator can do about it."""
    match standing.phase:
        case Phase.STARTING | Phase.UP:
            yield [Piece(_("the platform starts: {seconds} s").format(seconds=seconds), "title")]
        case Phase.DIED:
            reason = f" ({standing.reason})" if standing.reason else ""
            yield [Piece(_("the platform died{reason}; it is started again").format(reason=reason), "bad")]
        case Phase.STOPPED:
            yield [Piece(_("the platform was stopped by {who}").format(who=standing.reason), "warn")]
            yield [Piece(_("the bots are silent; what people write waits in VK"), "dim")]
        case Phase.FAILED:
            yield [Piece(_("the platform did not start"), "bad")]
            yield from ([Piece(line)] for line in _folded((standing.reason, *standing.words)))
            yield [Piece(_("salo check finds what is wrong in the settings; all that it said is in"), "dim")]
            yield [Piece(str(settings.state.platform_output), "dim")]
        case Phase.AWAITED:
            yield [Piece(_("waiting for the platform on {home}").format(home=settings.home), "title")]
    if standing.waits_for_us and can_start:
        again = _("starts it") if standing.phase is Phase.STOPPED else _("tries again")
        yield []
        yield [Piece("r", "key"), Piece(f" {again}   "), Piece("q", "key"), Piece(" " + _("leaves"))]


def steps(settings: Settings, state: State) -> Iterator[Line]:
    """Yield the parts of the platform in the order in which they come up, each with how it is."""
    for kind, purpose in _STEPS.items():
        if kind in ("redis", "mariadb") and getattr(settings.storage, kind) != "embedded":
            continue
        found = [process for process in state.processes.values() if process.kind == kind]
        look = process_look(_slowest(found)) if found else _NOT_YET
        yield [
            Piece(f"  {kind:<{NAME_CELLS}}"),
            Piece(f"{look.text:<{NAME_CELLS}}", look.tone),
            Piece(_(purpose), "dim"),
        ]


def _folded(texts: Iterable[str]) -> list[str]:
    """Return the last lines of texts that are too long for one."""
    return [line for text in texts for line in textwrap.wrap(text, WIDTH - 2)][-WORDS_LINES:]


def _slowest(processes: list[ProcessInfo]) -> ProcessInfo:
    """Return one that does not run yet, if there is one."""
    return next((process for process in processes if process.state != "running"), processes[0])
