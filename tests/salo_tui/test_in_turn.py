"""Keys that come together take effect in the order in which they were typed, wherever they are typed."""

from __future__ import annotations

from pathlib import Path

from textual.widgets import Input

from salo_tui.screens.logs import LogsScreen
from salo_tui.widgets.draft_area import DraftArea
from salo_tui.widgets.prompt import Prompt
from salo_tui.widgets.ring_log import RingLog
from tests.salo_tui.salo_pilot import Desk, run_terminal

PROMPT = {
    "abBcd": (("a", "b", "backspace", "c", "d"), "acd"),
    "abHcd": (("a", "b", "home", "c", "d"), "cdab"),
    "xyzUab": (("x", "y", "z", "ctrl+u", "a", "b"), "ab"),
    "left": (("т", "е", "left", "left", "ж"), "жте"),
    "tab": (("s", "t", "a", "t", "tab", "space", "x"), "status x"),
}


def test_prompt_takes_letters_and_editing_keys_in_their_order(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        for name, (keys, expected) in PROMPT.items():
            await desk.burst(":", *keys)
            assert desk.app.screen.query_one(Prompt).query_one(Input).value == expected, name
            await desk.burst("escape")

    run_terminal(tmp_path / "home", steps)


def test_answer_takes_letters_and_editing_keys_in_their_order(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        await desk.press("4")
        await desk.until(lambda: "#" in desk.text or "×" in desk.text or "x7" in desk.text)
        await desk.burst("enter", *"тест", "home", *"ыы", "left", "ж", "end", "backspace", "я")
        assert desk.app.screen.query_one(DraftArea).text == "ыжытеся"

    run_terminal(tmp_path / "home", steps)


def test_line_is_entered_before_the_next_key_is_taken(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        await desk.burst(":", *"status", "enter", "3")
        await desk.sees("salo status")  # its answer is long, and has a window
        assert isinstance(desk.app.frame, LogsScreen)
        await desk.press("escape")
        await desk.burst("/", *"drop", "ctrl+u", *"привет", "enter", "6")
        await desk.sees("▸ Processes")
        wanted = desk.app.get_screen("logs").query_one(RingLog).ring.wanted
        assert wanted is not None and wanted.shown == "привет"

    run_terminal(tmp_path / "home", steps)


def test_question_is_there_before_what_was_typed_behind_it(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        await desk.burst(":", *"restart anna", "escape", "6")
        await desk.sees("▸ Processes")
        await desk.burst("r", "escape", "3")
        await desk.sees("▸ Logs")
        assert not any(line.startswith("restart") for line in desk.control.commands)

    run_terminal(tmp_path / "home", steps)


def test_russian_letter_that_is_a_key_keeps_its_turn(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        await desk.burst("д", "3", "о", ":", *"йй")
        assert desk.app.screen.query_one(Prompt).query_one(Input).value == "йй"

    run_terminal(tmp_path / "home", steps)


def test_key_whose_widget_goes_away_holds_up_nothing_for_long(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        await desk.press("0")
        await desk.sees("anna_shop")
        for _turn in range(2):
            await desk.burst("]", "j", "[", "j")
        await desk.burst("3", ":", "x")
        assert desk.app.screen.query_one(Prompt).query_one(Input).value == "x"

    run_terminal(tmp_path / "home", steps)
