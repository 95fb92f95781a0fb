"""The demo's plain live view: the last lines of each bot's talk, side by side or one below the other."""

from __future__ import annotations

import time
from collections import deque

from rich.console import Console, Group, RenderableType
from rich.layout import Layout
from rich.live import Live
from rich.panel import Panel
from rich.text import Text

from db.texts import _
from server.demo.cast import ROLES
from server.demo.play import Heard

LINES_KEPT = 60  # of each bot; the view shows as many as fit
WIDE = 120  # columns from which the bots stand side by side


class Watch:
    """Collects what is said and draws it twice a second. Text of people never passes through markup."""

    def __init__(self, console: Console) -> None:
        self._lines: dict[str, deque[Heard]] = {role.title: deque(maxlen=LINES_KEPT) for role in ROLES}
        self._console = console
        self._started = time.monotonic()
        self._heard = self._answered = 0
        self.live = Live(self, console=console, refresh_per_second=2, screen=console.is_terminal, transient=True)

    def hear(self, heard: Heard) -> None:
        """Take one line in."""
        self._answered += heard.is_bot
        self._heard += not heard.is_bot
        bot = heard.who if heard.is_bot else heard.to
        self._lines[bot].append(heard)

    def __rich__(self) -> RenderableType:
        layout = Layout()
        layout.split_column(Layout(self._header(), size=1), Layout(name="bots"), Layout(self._footer(), size=1))
        panels = [Layout(self._panel(role.title)) for role in ROLES]
        bots = layout["bots"]
        if self._console.width >= WIDE:
            bots.split_row(*panels)
        else:
            bots.split_column(*panels)
        return layout

    def _header(self) -> Text:
        seconds = int(time.monotonic() - self._started)
        said = _("messages {heard} · replies {answered} · {seconds} s")
        return Text("Salo-G2 ▸ ", "bold") + Text(
            said.format(heard=self._heard, answered=self._answered, seconds=seconds)
        )

    def _footer(self) -> Text:
        return Text(_("Ctrl-C ends the demo and sums it up"), "dim")

    def _panel(self, title: str) -> Panel:
        side_by_side = self._console.width >= WIDE
        rows = self._console.height - 4 if side_by_side else (self._console.height - 2) // len(ROLES) - 2
        recent = list(self._lines[title])[-max(rows, 1) :]
        return Panel(Group(*map(_line, recent)), title=Text(title), title_align="left", border_style="dim")


def _line(heard: Heard) -> Text:
    """Draw one line: the clock, who, and what, cut at the panel's edge."""
    clock = time.strftime("%H:%M:%S", time.localtime(heard.at_ms / 1000))
    line = Text(clock + " ", "dim", no_wrap=True, overflow="ellipsis")
    if heard.is_bot:
        return line.append("↳ ", "green").append(heard.text.replace("\n", " "), "green")
    where = f" ({heard.where})" if heard.where else ""
    return line.append(f"{heard.who}{where}: ", "cyan").append(heard.text.replace("\n", " "), "default")
