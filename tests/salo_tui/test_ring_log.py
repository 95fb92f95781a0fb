"""The log pane under a Pilot: what it shows and how its keys behave."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from textual.geometry import Region
from textual.pilot import Pilot

from salo_tui.widgets.log_frame import rounded
from salo_tui.widgets.ring import Level, LogLine
from salo_tui.widgets.ring_log import RingLog
from tests.salo_tui.log_app import NOON_MS
from tests.salo_tui.log_pilot import hides, play, shows, style_of, utc
from tests.salo_tui.snapshots import SIZES, assert_snapshot


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with utc(monkeypatch):
        yield


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_pane_looks_as_kept(size: tuple[int, int]) -> None:
    async def scene(pilot: Pilot[None], pane: RingLog) -> None:
        pane.add_dropped(312, NOON_MS)
        pane.search("привет|error")
        pane.filter_level(Level.INFO)
        screen = await shows(pilot, "312 lines dropped")
        assert_snapshot(f"ring_log-{size[0]}x{size[1]}", await shows(pilot, "n/N") or screen)

    play(scene, 100, size)


def test_resting_pane_looks_as_kept() -> None:
    async def scene(pilot: Pilot[None], pane: RingLog) -> None:
        pane.filter("ботов|peer", inverted=True)
        await pilot.press("up", "right", "t")
        assert_snapshot("ring_log-rest-80x24", await shows(pilot, "AT REST"))

    play(scene, 100)


def test_text_from_outside_is_neither_markup_nor_control() -> None:
    nasty = "[red]a[/red] [@click=app.bell]b[/] \x1b[31m\x1b]0;title\x07 \u202eturn ]] [/]"

    async def scene(pilot: Pilot[None], pane: RingLog) -> None:
        pane.add(LogLine(NOON_MS, Level.INFO, nasty, "[b]src\x1b[2J"))
        pane.set_title("[b]title[/b]\x1b")
        pane.search("[red]|[/]\x1b")
        screen = await shows(pilot, "[red]a[/red] [@click=app.bell]b[/] ␛[31m␛]0;title␇")
        assert "[b]src␛[2J" in screen and "─ [b]title[/b]␛ ─" in screen and "/[red]|[/]␛ · 1 hit" in screen
        segments = [segment for strip in pane.render_lines(Region(0, 0, *pane.size)) for segment in strip]
        assert not any(segment.style and (segment.style.meta or segment.style.link) for segment in segments)
        assert not any(ord(sign) < 32 or sign == "\u202e" for segment in segments for sign in segment.text)

    play(scene, size=(120, 24))


def test_going_up_rests_and_end_follows_again() -> None:
    async def scene(pilot: Pilot[None], pane: RingLog) -> None:
        await pilot.press("k")
        before = (await shows(pilot, "AT REST +0")).splitlines()[1:]
        pane.add_all(LogLine(NOON_MS, Level.INFO, f"new {number}", "x") for number in range(7000))
        after = (await shows(pilot, "AT REST +5000")).splitlines()[1:]
        assert after == before
        await pilot.press("G")
        await shows(pilot, "new 6999")

    play(scene, 100)


def test_keys_move_as_they_say() -> None:
    async def scene(pilot: Pilot[None], pane: RingLog) -> None:
        def upper() -> int:
            return pane.reader.visible()[0].record.number

        for key, number in (
            ("up", 77), ("k", 76), ("down", 77), ("j", 78), ("ctrl+u", 67), ("ctrl+d", 78), ("pageup", 56),
            ("pagedown", 78), ("g", 0), ("down", 1), ("home", 0), ("end", 78), ("f", 78),
        ):  # fmt: skip
            await pilot.press(key)
            assert upper() == number, key
        assert not pane.reader.follows
        await pilot.press("f")
        assert pane.reader.follows

    play(scene, 100)


def test_search_marks_and_jumps() -> None:
    async def scene(pilot: Pilot[None], pane: RingLog) -> None:
        assert pane.search("ПРИВЕТ") == 17
        await shows(pilot, "/привет · 17 hits n/N")
        await pilot.press("N")
        await shows(pilot, "AT REST")
        marked = [row for row in range(22) if style_of(pane, row, "current")]
        assert len(marked) == 1 and style_of(pane, marked[0], "current") == "привет"
        hits = [pane.reader.hit]
        for key in ("N", "n", "n"):
            await pilot.press(key)
            hits.append(pane.reader.hit)
        assert hits == [96, 90, 96, 0]
        pane.search("")
        await pilot.press("n")
        assert not any(style_of(pane, row, "hit") + style_of(pane, row, "current") for row in range(22))

    play(scene, 100)


def test_filter_level_and_sources_sieve() -> None:
    async def scene(pilot: Pilot[None], pane: RingLog) -> None:
        assert pane.filter("vk error") == 16
        await shows(pilot, "only: vk error")
        await pilot.press("!")
        await shows(pilot, "without: vk error")
        assert len(pane.ring.shown) == 84
        pane.filter("")
        await pilot.press("+", "+")
        assert "lvl≥?" in await shows(pilot, "lvl≥")
        await pilot.press("+", "+", "+", "+")
        assert {record.level for record in pane.ring.shown} == {Level.ERROR}
        pane.filter_level(Level.DEBUG)
        pane.filter_sources(["cafe_rose"])
        assert {record.source for record in pane.ring.shown} == {"cafe_rose"}
        assert pane.shown_lines()[0].startswith("12:00:00.111 ! warn  cafe_rose 日本語")

    play(scene, 100)


def test_every_size_is_survived() -> None:
    async def scene(pilot: Pilot[None], pane: RingLog) -> None:
        pane.search("привет")
        await pilot.press("up")
        for size in ((1, 1), (2, 2), (3, 3), (10, 4), (300, 90), (80, 24)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            widths = {strip.cell_length for strip in pilot.app.screen._compositor.render_strips()}
            assert widths == {size[0]}
            rows = [pane.render_line(row) for row in range(pane.size.height)]
            assert all(sum(segment.cell_length for segment in row) == row.cell_length for row in rows)
        await pilot.press("G")
        await shows(pilot, "FOLLOW")

    play(scene, 100)


def test_rows_without_a_line_are_blank_again() -> None:
    async def scene(pilot: Pilot[None], pane: RingLog) -> None:
        await shows(pilot, "bingo_club")
        pane.filter("vk error")
        await hides(pilot, "bingo_club")
        pane.clear()
        await hides(pilot, "vk error 6")

    play(scene, 30)


@pytest.mark.parametrize(("count", "shown"), [(0, "0"), (99, "99"), (123, "120"), (4567, "4500")])
def test_shown_numbers_change_seldom(count: int, shown: str) -> None:
    assert rounded(count) == shown


def test_every_key_has_an_id_of_its_own() -> None:
    ids = [binding.id for _key, binding in RingLog._merged_bindings or RingLog._merge_bindings()]
    assert ids and None not in ids
    names = {binding.id: binding.action for binding in RingLog.BINDINGS}  # type: ignore[union-attr]
    assert len(names) == len(RingLog.BINDINGS)


def test_pane_brings_no_strangers_along() -> None:
    code = "import sys, salo_tui.widgets.ring_log; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    strangers = {"flask", "redis", "peewee", "pymysql", "playhouse", "engine", "server", "db.bases", "db.links"}
    assert set(done.stdout.split()) & strangers == set()
