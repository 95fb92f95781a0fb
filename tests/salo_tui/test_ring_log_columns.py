"""What is looked for in a log is found wherever it is shown: in the text, in the bot's column, in that of the time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from textual.pilot import Pilot

from salo_tui.widgets.ring import Level, LogLine, Record, Words
from salo_tui.widgets.ring_log import RingLog
from tests.salo_tui.log_app import NOON_MS
from tests.salo_tui.log_pilot import play, style_of, utc


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with utc(monkeypatch):
        yield


def fill(pane: RingLog) -> None:
    pane.add(LogLine(NOON_MS, Level.INFO, "a phrase of 12 letters", "anna_shop"))
    pane.add(LogLine(NOON_MS + 67_123, Level.INFO, "another", "sonya"))
    pane.add(LogLine(NOON_MS + 68_000, Level.INFO, "a word for Sonya", "anna_shop"))


def test_columns_that_are_shown_are_searched_and_marked() -> None:
    async def scene(pilot: Pilot[None], pane: RingLog) -> None:
        fill(pane)
        found = {text: pane.search(text) for text in ("SONYA", "12:01:07", "01:0", "12", "ANNA|another", ":", "nobody")}
        assert found == {"SONYA": 2, "12:01:07": 1, "01:0": 2, "12": 1, "ANNA|another": 3, ":": 3, "nobody": 0}
        pane.search("sonya|12:01")
        await pilot.pause()
        assert [style_of(pane, row, "hit") for row in range(3)] == ["", "12:01sonya", "12:01Sonya"]
        pane.action_jump(1)
        pane.action_jump(-1)
        assert pane.reader.hit == 1

    play(scene)


def test_filter_sees_the_columns_too() -> None:
    async def scene(_pilot: Pilot[None], pane: RingLog) -> None:
        fill(pane)
        assert pane.filter("sonya") == 2 and pane.filter("sonya", inverted=True) == 1
        assert pane.filter("12:01:07") == 1

    play(scene)


def test_what_is_not_shown_is_not_searched() -> None:
    async def scene(_pilot: Pilot[None], pane: RingLog) -> None:
        fill(pane)
        assert pane.search("12:01") == 2 and pane.filter("12:01") == 2
        pane.action_toggle_time()
        assert pane.ring.hits == 0 and not pane.ring.shown
        pane.action_toggle_time()
        assert pane.ring.hits == 2 and len(pane.ring.shown) == 2

    play(scene)


def test_bot_is_not_searched_in_a_pane_of_its_own() -> None:
    line = Record(0, NOON_MS, Level.INFO, "another", "sonya")
    found = [words is not None and words.found_in(line) for words in (Words.parse("sonya"), Words.parse("12:00"))]
    assert found == [False, False]


def test_hit_stays_seen_when_long_lines_are_folded() -> None:
    async def scene(pilot: Pilot[None], pane: RingLog) -> None:
        for number in range(60):
            words = "needle" if number == 50 else f"{number} " + "word " * 60
            pane.add(LogLine(NOON_MS, Level.INFO, words, "anna_shop"))
        pane.search("needle")
        for keys in ("n", "w", "w"):
            await pilot.press(keys)
            assert any(seen.record.number == pane.reader.hit == 50 for seen in pane.reader.visible()), keys

    play(scene)
