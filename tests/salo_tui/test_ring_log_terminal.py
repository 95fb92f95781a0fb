"""The log pane in a real terminal: what it sends, how fast it takes lines, and whether its columns stand."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.salo_tui.terminal import Terminal, TmuxTerminal
from tests.services import wait_until

APP = "tests.salo_tui.log_app"


def test_idle_pane_sends_nothing() -> None:
    with Terminal(APP, "--lines", "100") as terminal:
        terminal.wait_for("FOLLOW")
        terminal.press("1")
        terminal.wait_for("one more, number 100")
        terminal.settle(1.3)  # the rate of the last second is counted once more
        assert terminal.bytes_in(1.5) == 0


@pytest.mark.parametrize(("size", "most"), [((80, 24), 5_000), ((200, 60), 20_000)], ids=str)
def test_one_line_costs_one_pane(size: tuple[int, int], most: int) -> None:
    with Terminal(APP, "--lines", "100", size=size) as terminal:
        terminal.wait_for("FOLLOW")
        terminal.settle(1.3)
        before = terminal.received
        terminal.press("1")
        terminal.wait_for("one more, number 100")
        terminal.settle(1.3)
        print(terminal.received - before)
        assert 0 < terminal.received - before <= most


def test_line_in_a_pane_that_is_not_full_costs_a_row() -> None:
    with Terminal(APP, "--lines", "5") as terminal:
        terminal.wait_for("FOLLOW")
        terminal.settle(1.3)
        before = terminal.received
        terminal.press("1")
        terminal.wait_for("one more, number 5")
        terminal.settle(1.3)
        print(terminal.received - before)
        assert 0 < terminal.received - before <= 250


def test_pane_at_rest_sends_its_count_once_a_second() -> None:
    with Terminal(APP, "--lines", "100", "--flood-per-s", "200", "--flood-s", "2") as terminal:
        terminal.press("up")
        terminal.wait_for("AT REST")
        terminal.settle(1.3)
        before = terminal.received
        terminal.press("0")
        terminal.wait_for("flood over")
        terminal.settle(1.3)
        sent = terminal.received - before
        print(sent)
        assert 0 < sent <= 900


@pytest.mark.parametrize(("keys", "search"), [("", ""), ("", "peer|answer|stand"), ("w", "peer|answer|stand")])
@pytest.mark.parametrize("size", [(80, 24), (200, 60)], ids=str)
def test_flood_loses_no_line_and_freezes_no_key(size: tuple[int, int], keys: str, search: str, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    with Terminal(APP, "--report", str(report), "--search", search, "--flood-s", "2", size=size) as terminal:
        terminal.wait_for("FOLLOW")
        terminal.press(*keys)
        began, before = time.monotonic(), terminal.received
        terminal.press("0")
        terminal.wait_for("/s ")
        waits = []
        for key, sign in (("up", "AT REST"), ("G", "FOLLOW"), ("k", "AT REST"), ("G", "FOLLOW")):
            pressed = time.monotonic()
            terminal.press(key)
            terminal.wait_for(sign)
            waits.append(time.monotonic() - pressed)
        terminal.wait_for("flood over", 30)
        per_s = (terminal.received - before) / (time.monotonic() - began)
    found = json.loads(report.read_text())
    print({**found, "key_s": max(waits), "bytes_per_s": per_s})
    assert found["whole"] and found["kept"] == 5000
    assert found["per_s"] > 9000, "a machine that is busy with other things may take a tenth longer"
    assert max(waits) < 1.0 and found["gap_s"] < 1.0
    assert per_s < (60_000 if size == (80, 24) else 240_000) * (4 / 3 if search else 1), "each mark has its colours"
    # A quarter of a core on a quiet machine, 12 to 22 times the reference; a busy one slows both.
    assert found["cpu_units"] < 30


def test_pane_goes_on_after_a_terminal_that_was_not_read(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    with Terminal(APP, "--report", str(report), "--flood-s", "1", size=(200, 60)) as terminal:
        terminal.wait_for("FOLLOW")
        terminal.press("0")
        terminal.stall()
        assert terminal.bytes_in(2) < 200_000, "what was in the pipe when it was stopped"
        terminal.resume()
        terminal.wait_for("flood over")
        wait_until(lambda: "9999 日本語" in terminal.text())
    assert json.loads(report.read_text())["whole"]


def test_columns_stand_in_another_terminal_too() -> None:
    """The right edge and every sign are where tmux, with its own idea of widths, has them."""
    with Terminal(APP, "--lines", "100") as ours:
        ours.wait_for("FOLLOW")
        ours.settle()
        with TmuxTerminal(APP, "--lines", "100") as theirs:
            theirs.wait_for("cafe_rose")
            wait_until(lambda: theirs.text() == ours.text())
        lines = range(1, 23)
        assert {ours.screen.column_of("│", line) for line in lines} == {79}


def test_new_size_is_filled() -> None:
    with Terminal(APP, "--lines", "100") as terminal:
        terminal.wait_for("FOLLOW")
        terminal.settle()
        terminal.resize(100, 30)
        terminal.wait_for("┘")
        terminal.settle()
        shown = terminal.text().splitlines()
        assert len(shown) == 30 and all(terminal.screen.column_of("│", line) == 99 for line in range(1, 29))
