"""What the log pane gives away: a line for the clipboard, lines for a file, and wishes that its screen fulfils."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest
from textual.message import Message
from textual.pilot import Pilot

from salo_tui.widgets.ring import Level, LogLine
from salo_tui.widgets.ring_log import RingLog
from tests.salo_tui.log_app import NOON_MS
from tests.salo_tui.log_pilot import play, utc
from tests.salo_tui.terminal import Terminal
from tests.services import wait_until


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with utc(monkeypatch):
        yield


@pytest.fixture
def posted(monkeypatch: pytest.MonkeyPatch) -> list[Message]:
    """Collect what a pane posts."""
    found: list[Message] = []
    post = RingLog.post_message

    def collect(pane: RingLog, message: Message) -> bool:
        if type(message).__qualname__.startswith("RingLog."):
            found.append(message)
        return post(pane, message)

    monkeypatch.setattr(RingLog, "post_message", collect)
    return found


def test_lowest_line_is_copied_whole(posted: list[Message]) -> None:
    async def scene(pilot: Pilot[None], pane: RingLog) -> None:
        pane.add(LogLine(NOON_MS, Level.WARNING, "word " * 100 + "[red]end[/]\x1b", "anna_shop"))
        await pilot.press("t", "y")
        line = f"12:00:00.000 ! warn  anna_shop {'word ' * 100}[red]end[/]␛"
        assert pilot.app.clipboard == line
        assert posted == [RingLog.Copied(pane, line)]
        pane.add_all(LogLine(NOON_MS, Level.INFO, f"later {number}") for number in range(50))
        await pilot.press("up", "y")
        assert pilot.app.clipboard.endswith("later 48")

    play(scene, 30)


def test_hit_is_copied_while_it_is_seen() -> None:
    async def scene(pilot: Pilot[None], pane: RingLog) -> None:
        pane.search("привет")
        await pilot.press("N", "N", "y")
        assert pilot.app.clipboard.startswith("12:00:03.330 ") and "привет" in pilot.app.clipboard
        await pilot.press("g", "y")
        assert pilot.app.clipboard.startswith("12:00:00.777 "), "the hit is far away, so it is the lowest line"

    play(scene, 100)


def test_empty_log_copies_nothing(posted: list[Message]) -> None:
    async def scene(pilot: Pilot[None], _pane: RingLog) -> None:
        await pilot.press("y")
        assert not posted and not pilot.app.clipboard

    play(scene)


def test_wishes_are_posted(posted: list[Message]) -> None:
    async def scene(pilot: Pilot[None], pane: RingLog) -> None:
        pane.filter("vk error")
        await pilot.press("slash", "ampersand", "ctrl+s")
        assert posted[:2] == [RingLog.SearchWanted(pane), RingLog.FilterWanted(pane)]
        assert posted[2:] == [RingLog.SaveWanted(pane, pane.shown_lines())] and len(pane.shown_lines()) == 16

    play(scene, 100)


def test_line_reaches_the_clipboard_of_the_terminal() -> None:
    with Terminal("tests.salo_tui.log_app", "--lines", "7") as terminal:
        terminal.wait_for("FOLLOW")
        terminal.press("1")
        terminal.wait_for("one more, number 7")
        terminal.press("y")
        line = base64.b64encode(b"12:00:00.000   info  anna_shop one more, number 7")
        wait_until(lambda: b"\x1b]52;c;" + line + b"\x07" in terminal.tail)
