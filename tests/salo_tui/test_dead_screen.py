"""The screen of dead letters: what is known of them, and what is done with them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from db.errors import Refused
from db.protocol import CommandResult
from salo_tui.letters import letter_of, sheet
from salo_tui.screens.dead import LISTED_MAX, PAGE, DeadScreen
from salo_tui.widgets.dialogs import TextDialog
from salo_tui.widgets.span_table import SpanTable
from tests.salo_tui.fake_data import dead_letter, fake_data
from tests.salo_tui.salo_pilot import Desk, noon, run_terminal
from tests.salo_tui.snapshots import SIZES, assert_snapshot


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with noon(monkeypatch):
        yield


def table(desk: Desk) -> SpanTable:
    return desk.app.screen.query_one(SpanTable)


async def begin(desk: Desk, keys: str = "") -> None:
    """Go to the screen; with keys press them when its list is there."""
    await desk.press("9")
    await desk.until(lambda: isinstance(desk.app.screen, DeadScreen) and table(desk).cursor_id)
    await desk.press(*keys.split())


def changes(desk: Desk) -> list[str]:
    return [line for line in desk.control.commands if not line.startswith(("dead list", "dead show"))]


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_screen_looks_as_kept(tmp_path: Path, size: tuple[int, int]) -> None:
    async def steps(desk: Desk) -> None:
        await begin(desk, "j j space")
        await desk.sees("KeyError[/]: 'text'")
        assert_snapshot(f"dead-{size[0]}x{size[1]}", desk.text)

    run_terminal(tmp_path, steps, size=size, language="ru", data=fake_data(home="/srv/salo"))


def test_what_people_wrote_is_shown_literally(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        await begin(desk, "j j j j j j")
        assert desk.text.count("␛[31mне цвет␛[0m ‹202e›назад‹202c›") == 2
        assert "[red]не красное[/] [@click=app.bell]не ссылка[/]" in desk.text and "[bold]KeyError[/]" in desk.text
        assert "\x1b" not in desk.text and "\u202e" not in desk.text

    run_terminal(tmp_path, steps, size=(160, 30))


def test_letter_is_shown_whole(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        await begin(desk, "enter")
        await desk.until(lambda: isinstance(desk.app.screen, TextDialog))
        letter = desk.control.data.dead[0]["id"]
        await desk.sees(f"Dead letter {letter}")
        assert "Traceback" in desk.text and "message_new" in desk.text
        await desk.press("escape")
        assert isinstance(desk.app.screen, DeadScreen) and changes(desk) == []

    run_terminal(tmp_path, steps)


@pytest.mark.parametrize(("key", "verb"), [("r", "replay"), ("d", "drop")])
def test_letter_is_replayed_or_dropped_after_a_question(tmp_path: Path, key: str, verb: str) -> None:
    async def steps(desk: Desk) -> None:
        await begin(desk, f"j {key}")
        letter, later = (desk.control.data.dead[place]["id"] for place in (1, 2))
        await desk.until(lambda: not isinstance(desk.app.screen, DeadScreen))
        await desk.press("n")
        await desk.until(lambda: isinstance(desk.app.screen, DeadScreen))
        assert changes(desk) == []
        await desk.press(key)
        await desk.until(lambda: not isinstance(desk.app.screen, DeadScreen))
        await desk.press("y")
        await desk.until(lambda: table(desk).row_count == 11)
        assert changes(desk) == [f"dead {verb} {letter}"] and table(desk).cursor_id == later

    run_terminal(tmp_path, steps)


def test_marked_letters_are_dropped_together_from_the_top(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        await begin(desk, "j j space k k k space d")
        ids = [letter["id"] for letter in desk.control.data.dead]
        await desk.sees("Run these 2 commands?")
        await desk.press("y")
        await desk.until(lambda: table(desk).row_count == 10)
        assert changes(desk) == [f"dead drop {ids[0]}", f"dead drop {ids[2]}"] and not table(desk).marked

    run_terminal(tmp_path, steps)


def test_new_letters_come_and_the_cursor_stays_on_its_own(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        await begin(desk, "j")
        letter = table(desk).cursor_id
        desk.control.data.dead.insert(0, {**dead_letter(0), "id": "1895348800000-0", "reason": "brand new"})
        await desk.sees("brand new")
        assert table(desk).cursor_id == letter and table(desk).row_count == 13

    run_terminal(tmp_path, steps)


def test_older_letters_come_as_the_cursor_nears_them_and_no_more_than_are_kept(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        await begin(desk)
        assert table(desk).row_count == PAGE
        await desk.press("pagedown", "pagedown", "pagedown")
        await desk.until(lambda: table(desk).row_count == 2 * PAGE)
        for pages in range(3, LISTED_MAX // PAGE + 1):
            await desk.press("G")
            await desk.until(lambda pages=pages: table(desk).row_count == pages * PAGE)  # type: ignore[misc]
        await desk.press("k", "G")
        await desk.pilot.pause(0.2)
        assert table(desk).row_count == LISTED_MAX and "the newest 1000" in desk.text
        assert table(desk).cursor_id == desk.control.data.dead[LISTED_MAX - 1]["id"]

    run_terminal(tmp_path, steps, size=(160, 24), data=fake_data(dead=LISTED_MAX + 40))


def test_older_letters_that_come_late_bring_back_none_that_was_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, ask = asyncio.Event(), DeadScreen._page

    async def late(screen: DeadScreen, before: str) -> Any:
        page = await ask(screen, before)
        if before:
            await gate.wait()
        return page

    async def steps(desk: Desk) -> None:
        await begin(desk)
        monkeypatch.setattr(DeadScreen, "_page", late)
        await desk.press("G")  # asks for the older ones, which were read and are on their way
        await desk.pilot.pause(0.1)
        monkeypatch.setattr(DeadScreen, "_page", ask)
        gone = desk.control.data.dead.pop(0)["id"]
        screen = desk.app.screen
        assert isinstance(screen, DeadScreen)
        screen.reload()
        await desk.until(lambda: screen._letters[0].id != gone)
        gate.set()
        await desk.until(lambda: len(screen._letters) > PAGE + 20)
        await desk.pilot.pause(0.2)
        assert gone not in [letter.id for letter in screen._letters]

    run_terminal(tmp_path, steps, data=fake_data(dead=120))


def test_letters_too_large_for_one_answer_come_in_smaller_pages(tmp_path: Path) -> None:
    def no_more_than_five(params: dict[str, Any]) -> CommandResult | None:
        words = params["line"].split()
        if words[:2] == ["dead", "list"] and int(words[3]) > 5:
            raise Refused("the answer has more than 1048576 bytes; ask for less")
        return None

    async def steps(desk: Desk) -> None:
        desk.control.before = no_more_than_five
        await begin(desk)
        await desk.until(lambda: table(desk).row_count == 12)

    run_terminal(tmp_path, steps)


def test_idle_screen_asks_nothing(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        await begin(desk)
        asked = len(desk.control.commands)
        for _turn in range(12):  # longer than a refresh of the store
            await desk.pilot.pause(0.1)
        assert len(desk.control.commands) == asked

    run_terminal(tmp_path, steps)


@pytest.mark.parametrize("event", [None, "not json", {"object": []}, {"rx": "да"}, [1], {"object": {"message": 5}}])
def test_event_of_any_shape_is_a_letter(event: Any) -> None:
    letter = letter_of({**dead_letter(0), "event": event, "bot": "", "base": "main"})
    assert letter.owner == "base main" and letter.text == ("да" if event == {"rx": "да"} else "")
    for rows in range(8):
        assert len(sheet(letter, 40, rows)) <= rows
