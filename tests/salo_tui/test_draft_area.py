"""The field of an answer: what is pasted stands in it once."""

from __future__ import annotations

from pathlib import Path

from textual.events import Paste

from salo_tui.widgets.draft_area import DraftArea
from tests.salo_tui.salo_pilot import Desk, run_terminal


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
