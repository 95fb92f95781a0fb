"""The upper line of a log pane: its title and, in words, how it is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style

from db.texts import _, ngettext
from salo_tui.widgets.cells import window
from salo_tui.widgets.log_row import LOOKS
from salo_tui.widgets.ring import Level, Ring

EDGES = 4  # cells of the corners
NARROW = 60  # cells: in smaller panes the title comes first
STATUS_MIN = 5  # cells: less of it says nothing


class Status(NamedTuple):
    """How a log is read. In a small pane that is as it mostly is, it gives way to the title; else the title does."""

    text: str = ""
    gives_way: bool = False


def status_of(ring: Ring, rate: int, newer: int | None, width: int) -> Status:
    """Return ``FOLLOW 12/s · lvl≥I · /err|queue · 3 hits n/N``: after the first only what is not as usual.

    ``rate`` is of the last second; ``newer`` how many lines came since the reader rests, None while it follows. A
    narrow pane that follows says its rate alone, and what the operator looks for.
    """
    narrow = width < NARROW
    parts = [_reading(rate, newer, narrow)]
    sieve = ring.sieve
    if sieve.level is not Level.DEBUG and not (narrow and newer is None):
        parts.append(f"lvl≥{LOOKS[sieve.level][1]}")
    if sieve.words is not None:
        parts.append((_("without: {words}") if sieve.inverted else _("only: {words}")).format(words=sieve.words.shown))
    if ring.wanted is not None:
        hits = ngettext("{count} hit", "{count} hits", ring.hits).format(count=ring.hits)
        parts.append(f"/{ring.wanted.shown} · {hits} n/N")
    return Status(" · ".join(filter(None, parts)), narrow and newer is None)


def _reading(rate: int, newer: int | None, narrow: bool) -> str:
    if newer is not None:
        text = _("AT REST +{count}") if narrow else _("AT REST +{count}, G follows")
        return text.format(count=rounded(newer))
    speed = _("{rate}/s").format(rate=rounded(rate)) if rate else ""
    return speed if narrow else " ".join(filter(None, (_("FOLLOW"), speed)))


def top_line(title: str, status: Status, width: int, style: Callable[[str], Style]) -> Iterator[Segment]:
    """Yield ``┌─ title ───── status ─┐``."""
    left, right = _fitted(title, status, width)
    yield Segment("┌─", style("frame"))
    yield Segment(left, style("text"))
    yield Segment("─" * (width - EDGES - cell_len(right) - cell_len(left)), style("frame"))
    yield Segment(right, style("status"))
    yield Segment("─┐", style("frame"))


def first_changed(title: str, old: Status, new: Status, width: int) -> int:
    """Return the first cell of the line that may look different after the status has changed.

    Left of the longer status all is as before, unless the title is cut in another place.
    """
    before, now = _fitted(title, old, width), _fitted(title, new, width)
    if before[0] != now[0]:
        return 0
    return max(0, width - EDGES // 2 - max(cell_len(before[1]), cell_len(now[1])))


def _fitted(title: str, status: Status, width: int) -> tuple[str, str]:
    """Return the title and the status, each between blanks, as far as there is room for them."""
    left, right, room = _spaced(title), _spaced(status.text), width - EDGES
    if status.gives_way:
        left = _cut(left, room)
        rest = room - cell_len(left)
        return left, _cut(right, rest) if rest >= STATUS_MIN else ""
    right = _cut(right, room)
    return _cut(left, room - cell_len(right)), right


def _spaced(text: str) -> str:
    return f" {text} " if text else ""


def rounded(count: int) -> str:
    """Return a number of two signs that count, so that it changes seldom."""
    if count < 100:
        return str(count)
    unit: int = 10 ** (len(str(count)) - 2)
    return str(count // unit * unit)


def _cut(text: str, width: int) -> str:
    """Return as much of ``text`` as fits; an ellipsis for the rest."""
    if width <= 0:
        return ""
    if cell_len(text) <= width:
        return text
    seen = window(text, 0, width - 1)
    return text[: seen.last] + "…" + " " * seen.after
