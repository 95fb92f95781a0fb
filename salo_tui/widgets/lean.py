"""Frames in few bytes: of a change only the changed cells are sent, and of a colour only what differs.

Textual sends a changed span from the left edge of its widget, and for each run of one style all of its colours and a
reset. On a slow line that is most of the traffic. ``send_lean`` gives a screen a compositor that renders the same
updates shorter; what is on the terminal afterwards is the same.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from rich.cells import get_character_cell_size
from rich.color import ColorSystem
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, Compositor, LayoutUpdate
from textual.screen import Screen
from textual.strip import SGR_STYLES, Strip


def send_lean(screen: Screen[object]) -> None:
    """Render this screen's updates in few bytes from now on. May be called again and again."""
    # The screen made its compositor itself and has handed out no reference, but there is no hook to give it another.
    screen._compositor.__class__ = LeanCompositor


class LeanCompositor(Compositor):
    """Textual's compositor; only its updates write themselves differently."""

    def render_partial_update(self) -> ChopsUpdate | None:
        update = super().render_partial_update()
        return update and _LeanChops(update.chops, update.spans, update.chop_ends)

    def render_full_update(self, simplify: bool = False) -> LayoutUpdate:
        update = super().render_full_update(simplify)
        return _LeanLayout(update.strips, update.region)


class _LeanLayout(LayoutUpdate):
    def render_segments(self, console: Console) -> str:
        pen = _Pen(console)
        for y, strips in enumerate(self.strips, self.region.y):
            pen.move(self.region.x, y)
            for strip in strips:
                pen.write(strip)
        return pen.lift()


class _LeanChops(ChopsUpdate):
    def render_segments(self, console: Console) -> str:
        pen = _Pen(console)
        for y, x1, x2 in self.spans:
            for end, (x, strip) in zip(self.chop_ends[y], self.chops[y].items(), strict=True):
                if strip is not None and x < x2 and end > x1:
                    start, stop = _whole(strip, x1 - x, x2 - x)
                    pen.move(x + start, y)
                    pen.write(strip.crop(start, stop))
        return pen.lift()


class _Look(NamedTuple):
    """What a terminal is told about a run of text: codes of SGR, empty for its default."""

    attributes: str = ""
    color: str = ""
    background: str = ""


_PLAIN = _Look()


class _Pen:
    """Collects what is to be written, and knows how the terminal writes at this moment."""

    def __init__(self, console: Console) -> None:
        self._system = console._color_system or ColorSystem.TRUECOLOR
        self._parts: list[str] = []
        self._look = _PLAIN

    def move(self, x: int, y: int) -> None:
        self._parts.append(f"\x1b[{y + 1};{x + 1}H")

    def write(self, strip: Strip) -> None:
        for text, style, control in strip:
            if control:
                continue
            if style is not None and style.link:
                self._turn(_PLAIN)
                self._parts.append(Strip.render_style(style, text, self._system))
            else:
                self._turn(_PLAIN if style is None else _look(style, self._system))
                self._parts.append(text)

    def lift(self) -> str:
        """Return all of it; the terminal writes plainly afterwards."""
        self._turn(_PLAIN)
        return "".join(self._parts)

    def _turn(self, look: _Look) -> None:
        if look != self._look:
            self._parts.append(_change(self._look, look))
            self._look = look


@lru_cache(4096)
def _look(style: Style, system: ColorSystem) -> _Look:
    attributes = (style._attributes or 0) & style._set_attributes
    codes = [code for bit, code in enumerate(SGR_STYLES) if attributes & (1 << bit)]
    color, background = style.color, style.bgcolor
    return _Look(
        ";".join(codes),
        ";".join(color.downgrade(system).get_ansi_codes()) if color else "",
        ";".join(background.downgrade(system).get_ansi_codes(foreground=False)) if background else "",
    )


@lru_cache(4096)
def _change(old: _Look, new: _Look) -> str:
    """Return the shortest sequence that makes ``new`` of ``old``."""
    if new == _PLAIN:
        return "\x1b[m"
    whole = ";".join(filter(None, ("0", *new)))
    if old.attributes != new.attributes or (old.color and not new.color) or (old.background and not new.background):
        return f"\x1b[{whole}m"
    differs = [code for before, code in zip(old, new, strict=True) if before != code]
    return f"\x1b[{min(whole, ';'.join(differs), key=len)}m"


def _whole(strip: Strip, start: int, stop: int) -> tuple[int, int]:
    """Return the cells from ``start`` to ``stop``, widened so that no character of two cells is cut in half."""
    start, stop = max(start, 0), min(stop, strip.cell_length)
    return _around(strip, start)[0], _around(strip, stop)[1]


def _around(strip: Strip, cell: int) -> tuple[int, int]:
    """Return where the character begins and ends that a cut before ``cell`` would halve; twice ``cell`` if none."""
    at = 0
    for segment in strip:
        if at + segment.cell_length > cell:
            return _around_in(segment, at, cell)
        at += segment.cell_length
    return cell, cell


def _around_in(segment: Segment, at: int, cell: int) -> tuple[int, int]:
    if segment.text.isascii():
        return cell, cell
    for character in segment.text:
        if at >= cell:
            break
        begin, at = at, at + get_character_cell_size(character)
        if at > cell:
            return begin, at
    return cell, cell
