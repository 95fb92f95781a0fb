"""Frames in few bytes leave on the terminal what Textual's own frames leave there."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.color import ColorSystem
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.app import App
from textual.geometry import Region
from textual.screen import Screen as AppScreen
from textual.strip import Strip

from salo_tui.widgets.lean import LeanCompositor, _LeanChops, _LeanLayout, send_lean
from tests.salo_tui.terminal import Screen

WIDTH, HEIGHT = 24, 4
STYLES = [Style.parse(text) for text in ("", "red", "bold red on blue", "on #102030", "#a0b0c0 on #102030", "dim")]
_TEXT = st.text(alphabet="ab ёя日本👍é", min_size=1, max_size=8)
_SEGMENT = st.tuples(_TEXT, st.sampled_from([None, *STYLES])).map(lambda run: Segment(*run))
_STRIP = st.lists(_SEGMENT, max_size=6).map(lambda segments: Strip(segments).adjust_cell_length(WIDTH))
_LINES = st.lists(_STRIP, min_size=HEIGHT, max_size=HEIGHT)


def console(system: str = "truecolor") -> Console:
    return Console(color_system=system, force_terminal=True, legacy_windows=False)  # type: ignore[arg-type]


def whole(kind: type[LayoutUpdate], lines: list[Strip]) -> str:
    return kind([[line] for line in lines], Region(0, 0, WIDTH, HEIGHT)).render_segments(console())


def chops(kind: type[ChopsUpdate], lines: list[Strip], spans: list[tuple[int, int, int]]) -> str:
    return kind([{0: line} for line in lines], spans, [[WIDTH]] * HEIGHT).render_segments(console())


def painted(*frames: str) -> str:
    """Return the text that is seen after these frames."""
    screen = Screen(WIDTH, HEIGHT)
    for frame in frames:
        screen.feed(frame)
    return screen.text()


@given(_LINES)
def test_whole_screen_is_painted_the_same(lines: list[Strip]) -> None:
    assert painted(whole(_LeanLayout, lines)) == painted(whole(LayoutUpdate, lines))


@given(_LINES, _LINES, st.integers(0, WIDTH - 1), st.integers(1, WIDTH))
def test_span_is_painted_and_what_is_around_it_stays(old: list[Strip], new: list[Strip], x: int, width: int) -> None:
    """Beside the span the new line is the old one, as a compositor has it; a halved character is painted whole."""
    end = min(x + width, WIDTH)
    new = [
        Strip.join([before.crop(0, x), after.crop(x, end), before.crop(end)])
        for before, after in zip(old, new, strict=True)
    ]
    frame = chops(_LeanChops, new, [(y, x, end) for y in range(HEIGHT)])
    halves = [line.crop(0, x).text + line.crop(x, end).text + line.crop(end).text for line in old]
    if halves == [line.text for line in old]:
        assert painted(whole(LayoutUpdate, old), frame) == painted(whole(LayoutUpdate, new))


@pytest.mark.parametrize(("x1", "x2"), [(1, 2), (0, 1), (1, 3), (2, 5)])
def test_wide_character_on_the_edge_of_a_span_is_sent_whole(x1: int, x2: int) -> None:
    line = Strip([Segment("日本語b")]).adjust_cell_length(WIDTH)
    frame = chops(_LeanChops, [line] * HEIGHT, [(0, x1, x2)])
    screen = Screen(WIDTH, HEIGHT)
    screen.feed(whole(LayoutUpdate, [line] * HEIGHT))
    screen.feed(frame)
    assert screen.text().splitlines()[0] == "日本語b" and screen.column_of("b", 0) == 6


@pytest.mark.parametrize("system", ["standard", "256", "truecolor"])
@given(looks=st.lists(st.sampled_from([None, *STYLES]), min_size=1, max_size=12))
def test_each_letter_looks_as_its_style_says(system: str, looks: list[Style | None]) -> None:
    strip = Strip([Segment("x", look) for look in looks])
    frame = _LeanLayout([[strip]], Region(0, 0, len(looks), 1)).render_segments(console(system))
    wanted = [
        attributes(Strip.render_ansi(look, ColorSystem[system.upper().replace("256", "EIGHT_BIT")]) if look else "")
        for look in looks
    ]
    assert looks_of(frame) == wanted


def attributes(codes: str, before: dict[str, str] | None = None) -> dict[str, str]:
    """Return how a terminal writes after these codes of SGR."""
    now, parts = dict(before or {}), codes.split(";") if codes else ["0"]
    while parts:
        code = parts.pop(0)
        if code == "0":
            now = {}
        elif code in ("38", "48"):
            count = 4 if parts[0] == "2" else 2
            now["color" if code == "38" else "background"] = ";".join([code, *parts[:count]])
            del parts[:count]
        elif len(code) == 2 and code[0] in "34":
            now["color" if code[0] == "3" else "background"] = code
        else:
            now[code] = code
    return now


def looks_of(frame: str) -> list[dict[str, str]]:
    """Return how each ``x`` of a frame is written; the end of the frame must write plainly."""
    look: dict[str, str] = {}
    seen = []
    for part in frame.split("\x1b[")[1:]:
        if "m" in part:
            codes, _, text = part.partition("m")
            look = attributes(codes, look)
        else:
            text = part.partition("H")[2]
        seen += [look] * text.count("x")
    assert look == {}
    return seen


def test_run_of_one_look_costs_its_colours_once() -> None:
    red = Style.parse("#ff0000 on #102030")
    line = Strip([Segment("a", red), Segment("b", red), Segment("c", Style.parse("#00ff00 on #102030"))])
    frame = _LeanLayout([[line]], Region(0, 0, 3, 1)).render_segments(console())
    assert frame == "\x1b[1;1H\x1b[38;2;255;0;0;48;2;16;32;48mab\x1b[38;2;0;255;0mc\x1b[m"


def test_link_stays_a_link() -> None:
    link = Style(link="https://vk.com")
    frame = _LeanLayout([[Strip([Segment("a", STYLES[1]), Segment("b", link)])]], Region(0, 0, 2, 1))
    text = frame.render_segments(console())
    assert "\x1b[m\x1b]8;" in text and text.endswith("b\x1b]8;;\x1b\\")


async def compositor_of_a_screen() -> tuple[object, object]:
    app: App[Any] = App()
    async with app.run_test() as pilot:
        screen: AppScreen[Any] = pilot.app.screen
        send_lean(screen)
        send_lean(screen)
        return screen._compositor, screen._compositor.render_full_update()


def test_screen_is_given_a_lean_compositor() -> None:
    compositor, update = asyncio.run(compositor_of_a_screen())
    assert type(compositor) is LeanCompositor and isinstance(update, _LeanLayout)
