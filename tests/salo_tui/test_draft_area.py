"""The field of an answer: what is pasted stands in it once, and an emoji of several parts stays whole."""

from __future__ import annotations

from pathlib import Path

from textual.events import Paste
from textual.widgets import Input

from salo_tui.widgets.draft_area import DraftArea
from salo_tui.widgets.prompt import Prompt
from tests.salo_tui.salo_pilot import Desk, run_terminal

EMOJI = ("👨\u200d💻", "👩\u200d👩\u200d👧", "❤\ufe0f", "1\ufe0f\u20e3", "🏴\U000e0067\U000e0062\U000e007f", "👍🏽")


async def begin(desk: Desk) -> DraftArea:
    await desk.press("4")
    await desk.sees("двумя собаками")
    await desk.press("enter")
    return desk.app.screen.query_one(DraftArea)


def test_pasted_text_stands_there_once(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        area = await begin(desk)
        await desk.burst(*"до ")
        desk.app.post_message(Paste("раз\r\nдва\u202e"))
        await desk.burst(*" и")
        assert area.text == "до раз\nдва и"

    run_terminal(tmp_path, steps)


def test_typed_emoji_of_several_parts_stays_whole(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        area = await begin(desk)
        for text in EMOJI:
            await desk.burst(*text, "x", "backspace")
            assert area.text == text, ascii(text)
            await desk.burst("ctrl+a", "ctrl+k")
        await desk.burst(*EMOJI[0], "ctrl+s")
        await desk.until(lambda: any(line.endswith(f" {EMOJI[0]}") for line in desk.control.commands))
        await desk.burst("escape", ":", *EMOJI[1])
        assert desk.app.screen.query_one(Prompt).query_one(Input).value == EMOJI[1]

    run_terminal(tmp_path, steps)
