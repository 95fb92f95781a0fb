"""How a log pane is painted: on Textual's line API, in its own pace, only what changed.

It draws its frame itself, so that a change of the status line sends that line and not the pane. Text from outside
never passes through markup: it becomes plain segments, after ``cells.printable``.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import ClassVar, Protocol, runtime_checkable

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.timer import Timer
from textual.widget import Widget

from salo_tui.widgets.cells import printable
from salo_tui.widgets.log_frame import Status, first_changed, status_of, top_line
from salo_tui.widgets.log_row import PARTS, Layout
from salo_tui.widgets.log_strips import Strips, differing
from salo_tui.widgets.reader import Reader, Seen
from salo_tui.widgets.ring import LINES_MAX, Ring, Sieve

FRAMES_PER_S = 10


@runtime_checkable
class Paced(Protocol):
    """An app that knows how fast its terminal is."""

    @property
    def frames_per_s(self) -> float:
        """How often a log may paint. Asked before each time."""
        ...


class LogView(Widget):
    """A ring, the reader of it, and what of it is seen. Paints ten times a second, or as often as its app says."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"ring-log--{part}" for part in PARTS}

    def __init__(
        self,
        title: str = "",
        *,
        lines_max: int = LINES_MAX,
        sources: bool = True,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        """``sources`` shows from whom a line comes: for a pane that several bots share."""
        super().__init__(id=id, classes=classes)
        self.ring = Ring(lines_max)
        self._strips = Strips(Layout(sources=sources), self._style)
        self.reader = Reader(self.ring, folds=self._strips.folds)
        self._title = printable(title)
        self._styles: dict[str, Style] = {}
        self._visible: list[Seen] = []
        self._status = Status()
        self._offered = (True, True)  # whether it follows, and nothing is searched
        self._fitted = Size(0, 0)
        self._painted_at = 0.0
        self._paint_timer: Timer | None = None
        self._rate, self._rate_from = 0, 0
        self._rate_timer: Timer | None = None
        self._newer, self._newer_at = 0, 0.0  # lines below while at rest; shown once a second

    # When to paint.

    @property
    def _frames_per_s(self) -> float:
        return self.app.frames_per_s if isinstance(self.app, Paced) else FRAMES_PER_S

    def _came(self) -> None:
        self._paint_soon()
        if self._rate_timer is None and self.is_mounted:
            self._rate_from = self.ring.total
            self._rate_timer = self.set_timer(1.0, self._count_rate)

    def uncount(self, lines: int) -> None:
        """Paint lines that are no part of the rate."""
        self._rate_from += lines
        self._paint_soon()

    def _count_rate(self) -> None:
        """Take the lines of the last second; stop counting after a second without any."""
        self._rate = self.ring.total - self._rate_from
        self._rate_from = self.ring.total
        self._rate_timer = self.set_timer(1.0, self._count_rate) if self._rate else None
        self._paint_soon()

    def _paint_soon(self) -> None:
        """Paint when the turn has come: at once if the last one is long ago."""
        if self._paint_timer is None and self.is_mounted:
            wait_s = self._painted_at + 1 / self._frames_per_s - time.monotonic()
            self._paint_timer = self.set_timer(max(wait_s, 0.001), self._paint)

    def _paint(self) -> None:
        """Mark what changed: rows that show another line, and the status. Who pressed a key waits for no turn."""
        if self._paint_timer is not None:
            self._paint_timer.stop()
            self._paint_timer = None
        self._painted_at = time.monotonic()
        if self.reader.follows or self._painted_at - self._newer_at >= 1:
            self._newer, self._newer_at = self.reader.newer, 0.0 if self.reader.follows else self._painted_at
        before, self._visible = self._visible, self.reader.visible()
        rows = [row for row in range(self.reader.height) if not _is_same(before, self._visible, row)]
        regions = [self._changed(row, _at(before, row), _at(self._visible, row)) for row in rows]
        if any(regions):
            self.refresh(*filter(None, regions))
        status, self._status = self._status, self._status_now()
        self._tell_keys()
        if self._status != status:
            start = first_changed(self._title, status, self._status, self.size.width)
            self.refresh(Region(start, 0, self.size.width - start, 1))

    def _changed(self, row: int, before: Seen | None, now: Seen | None) -> Region:
        """Return the cells in which a row differs from what it showed. Other colours are sent by who changed them."""
        first, last = differing(self._strip(before), self._strip(now))
        return Region(1 + first, 1 + row, last - first, 1)

    def _tell_keys(self) -> None:
        """Let the key bar know when other keys do something."""
        before, self._offered = self._offered, (self.reader.follows, self.ring.wanted is None)
        if self._offered != before and self.has_focus:
            self.refresh_bindings()

    def _status_now(self) -> Status:
        newer = None if self.reader.follows else self._newer
        return status_of(self.ring, self._rate, newer, self.size.width)

    def _forget_strips(self) -> None:
        """Draw all rows anew: in other colours or columns, in which what was seen before cannot be made again."""
        self._strips.forget()
        self._visible = []
        self.refresh(Region(1, 1, max(0, self.size.width - 2), self.reader.height))  # also the rows that are empty now
        self._paint()

    def _sieve(self, sieve: Sieve) -> None:
        self.ring.set_sieve(sieve)
        self.reader.sieve_again()
        self._forget_strips()

    def _lay_out(self, layout: Layout) -> None:
        self._strips.lay_out(layout)
        self.reader.resize(self.reader.height)
        self._forget_strips()

    def _fit(self) -> None:
        """Take the size as it is now. Textual renders in a new size before it tells of it."""
        width, height = self.size
        self._fitted = self.size
        self._strips.lay_out(replace(self._strips.layout, width=max(0, width - 2)))
        self.reader.resize(max(1, height - 2))
        self._visible = self.reader.visible()
        self._status = self._status_now()

    def notify_style_update(self) -> None:
        """Called by Textual when the theme or the focus has changed."""
        super().notify_style_update()
        self._styles.clear()
        self._strips.forget()

    # How it looks.

    def render_line(self, y: int) -> Strip:
        width, height = self.size
        if self.size != self._fitted:
            self._fit()
        if width < 4 or height < 2:
            return Strip.blank(width, self._style("text"))
        if y == 0:
            return Strip(top_line(self._title, self._status, width, self._style), width)
        if y == height - 1:
            return Strip([Segment(f"└{'─' * (width - 2)}┘", self._style("frame"))], width)
        edge = Segment("│", self._style("frame"))
        return Strip([edge, *self._strip(_at(self._visible, y - 1)), edge], width)

    def _strip(self, seen: Seen | None) -> Strip:
        if seen is None:
            return Strip.blank(self._strips.layout.width, self._style("text"))
        return self._strips.strip(seen, self.ring.wanted, "current" if seen.record.number == self.reader.hit else "hit")

    def _style(self, part: str) -> Style:
        style = self._styles.get(part)
        if style is None:
            style = self._styles[part] = self.get_component_rich_style(f"ring-log--{part}")
        return style


def _at(rows: list[Seen], row: int) -> Seen | None:
    return rows[row] if row < len(rows) else None


def _is_same(before: list[Seen], now: list[Seen], row: int) -> bool:
    old, new = _at(before, row), _at(now, row)
    return old is new or (old is not None and old.is_same(new))
