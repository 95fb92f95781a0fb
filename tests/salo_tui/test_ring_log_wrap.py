"""Long lines folded in the log pane: all of a text is seen, and the pane follows, rests and jumps as before."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from textual.pilot import Pilot

from salo_tui.widgets.cells import LINE_MAX
from salo_tui.widgets.ring import Level, LogLine
from salo_tui.widgets.ring_log import RingLog
from tests.salo_tui.log_app import NOON_MS
from tests.salo_tui.log_pilot import hides, play, shows, style_of, utc
from tests.salo_tui.snapshots import SIZES, assert_snapshot


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with utc(monkeypatch):
        yield


def line(text: str) -> LogLine:
    return LogLine(NOON_MS, Level.INFO, text, "anna_shop")


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_folded_lines_look_as_kept(size: tuple[int, int]) -> None:
    async def scene(pilot: Pilot[None], pane: RingLog) -> None:
        pane.search("the end|cells")
        await pilot.press("w")
        assert_snapshot(f"ring_log-wrap-{size[0]}x{size[1]}", await shows(pilot, "the end"))

    play(scene, 100, size)


def test_text_is_cut_until_it_is_folded() -> None:
    async def scene(pilot: Pilot[None], pane: RingLog) -> None:
        pane.add(line("word " * 30 + "last"))
        screen = await shows(pilot, "word")
        assert "last" not in screen
        await pilot.press("w")
        assert (await shows(pilot, "last")).count("word") == 30
        await pilot.press("right", "w")
        assert "anna_shop    word" in await hides(pilot, "last"), "a folded text cannot be shifted"

    play(scene)


def test_folded_log_is_followed_to_its_last_row() -> None:
    async def scene(pilot: Pilot[None], pane: RingLog) -> None:
        await pilot.press("w")
        pane.add(line("long " * 60 + "ends"))
        assert "ends" in (await shows(pilot, "ends")).splitlines()[-2]

    play(scene, 100)


def test_folded_log_rests_by_the_row_and_no_flood_moves_it() -> None:
    async def scene(pilot: Pilot[None], pane: RingLog) -> None:
        await pilot.press("w")
        followed = (await shows(pilot, "the end")).splitlines()[1:-1]
        await pilot.press("up")
        rested = (await shows(pilot, "AT REST +0")).splitlines()[1:-1]
        assert rested[1:] == followed[:-1]
        pane.add_all(line(f"new {number}") for number in range(7000))
        assert (await shows(pilot, "AT REST +5000")).splitlines()[1:-1] == rested
        await pilot.press("G")
        await shows(pilot, "new 6999")

    play(scene, 96)


def test_jump_goes_to_the_row_of_the_hit() -> None:
    async def scene(pilot: Pilot[None], pane: RingLog) -> None:
        pane.add(line("long " * 500 + "needle"))
        pane.add_all(line(f"later {number}") for number in range(40))
        pane.search("needle")
        await pilot.press("w", "N")
        await shows(pilot, "needle ")
        marked = [row for row in range(22) if style_of(pane, row, "current")]
        assert len(marked) == 1 and style_of(pane, marked[0], "current") == "needle"
        await pilot.press("w")
        assert pane.reader.hit in {seen.record.number for seen in pane.reader.visible()}

    play(scene)


def test_hit_is_marked_across_a_fold() -> None:
    async def scene(pilot: Pilot[None], pane: RingLog) -> None:
        pane.add(line("x" * 50 + "needle" + "y" * 50))
        pane.search("needle")
        await pilot.press("w")
        await shows(pilot, "yyy")
        assert [style_of(pane, row, "hit") for row in range(3)] == ["need", "le", ""]

    play(scene)


def test_line_is_shown_up_to_four_kilobytes_and_folds_at_once() -> None:
    async def scene(pilot: Pilot[None], pane: RingLog) -> None:
        pane.add_all(line("ёж" * 500_000) for _ in range(50))
        await pilot.press("up")
        began = time.process_time()
        for key in ("w", "g", "down", "w", "w", "pageup", "G"):
            await pilot.press(key)
        assert time.process_time() - began < 2, "folding 50 such lines row by row takes longer"
        await shows(pilot, f"+{1_000_000 - LINE_MAX}")
        assert sum(len(pane.reader.folds(record)) for record in pane.ring.records) == 50 * 77

    play(scene)


@pytest.mark.parametrize("sources", [True, False])
def test_no_size_breaks_the_folds(sources: bool) -> None:
    async def scene(pilot: Pilot[None], pane: RingLog) -> None:
        pane.filter_sources(None if sources else ["длинное_имя_бота"])
        await pilot.press("w", "up")
        for size in ((1, 1), (3, 3), (20, 5), (34, 7), (36, 7), (300, 90), (80, 24)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            rows = [pane.render_line(row) for row in range(pane.size.height)]
            assert {row.cell_length for row in rows} == {size[0]}
            assert all(sum(segment.cell_length for segment in row) == size[0] for row in rows)
            in_all = sum(len(pane.reader.folds(record)) for record in pane.ring.shown)
            assert len(pane.reader.visible()) == min(pane.reader.height, in_all)
        await pilot.press("G")
        await shows(pilot, "FOLLOW")

    play(scene, 100)
