"""The upper line of a log pane: its title and, in words, how it is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style

from db.texts import _, ngettext
from salo_tui.widgets.cells import window
from salo_tui.widgets.log_row import LOOKS
from salo_tui.widgets.ring import Level, Ring

EDGES = 4  # cells of the corners


def status_of(ring: Ring, rate: int, newer: int | None) -> str:
    """Return ``FOLLOW 12/s · lvl≥I · /err|queue · 3 hits n/N``: after the first only what is not as usual.

    ``rate`` is of the last second; ``newer`` how many lines came since the reader rests, None while it follows.
    """
    parts = [_("FOLLOW") + (f" {rounded(rate)}/s" if rate else "")]
    if newer is not None:
        parts = [_("AT REST +{count}, G follows").format(count=rounded(newer))]
    sieve = ring.sieve
    if sieve.level is not Level.DEBUG:
        parts.append(f"lvl≥{LOOKS[sieve.level][1]}")
    if sieve.words is not None:
        parts.append((_("without: {words}") if sieve.inverted else _("only: {words}")).format(words=sieve.words.shown))
    if ring.wanted is not None:
        hits = ngettext("{count} hit", "{count} hits", ring.hits).format(count=ring.hits)
        parts.append(f"/{ring.wanted.shown} · {hits} n/N")
    return " · ".join(parts)


def top_line(title: str, status: str, width: int, style: Callable[[str], Style]) -> Iterator[Segment]:
    """Yield ``┌─ title ───── status ─┐``; where both do not fit, the title gives way."""
    status = _cut(f" {status} ", width - EDGES)
    title = _cut(f" {title} " if title else "", width - EDGES - cell_len(status))
    yield Segment("┌─", style("frame"))
    yield Segment(title, style("text"))
    yield Segment("─" * (width - EDGES - cell_len(status) - cell_len(title)), style("frame"))
    yield Segment(status, style("status"))
    yield Segment("─┐", style("frame"))


def first_changed(title: str, old: str, new: str, width: int) -> int:
    """Return the first cell of the line that may look different after the status has changed.

    Left of the longer status all is as before, unless the title has to give way to it.
    """
    taken = max(cell_len(old), cell_len(new)) + EDGES
    return width - taken if cell_len(title) + taken + EDGES < width else 0


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
