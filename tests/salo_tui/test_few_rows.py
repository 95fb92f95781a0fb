"""Screens in terminals of few rows: the bars stay, what a screen is about is seen, and the log gives way."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import TextArea

from tests.salo_tui.salo_pilot import Desk, run_terminal

SCREENS = {"1": "anna_shop", "6": "mariadb ", "4": "elka_info", "9": "bingo_club", "5": "all"}


@pytest.mark.parametrize("size", [(80, 14), (40, 10)], ids=str)
def test_few_rows_show_what_a_screen_is_about(tmp_path: Path, size: tuple[int, int]) -> None:
    async def steps(desk: Desk) -> None:
        for key, sign in SCREENS.items():
            await desk.press(key)
            await desk.sees(sign)
            await desk.until(lambda: "redis" in desk.text.splitlines()[-3])
        await desk.press("1")
        await desk.until(lambda: sum("● ok" in line for line in desk.text.splitlines()) >= 2)
        await desk.press("enter")
        await desk.sees("state")
        await desk.until(lambda: "redis" in desk.text.splitlines()[-3])

    run_terminal(tmp_path, steps, size=size)


@pytest.mark.parametrize("size", [(60, 14), (40, 10)], ids=str)
def test_answer_is_written_in_few_rows(tmp_path: Path, size: tuple[int, int]) -> None:
    async def steps(desk: Desk) -> None:
        await desk.press("4")
        await desk.sees("elka_info")
        await desk.press("enter", "Y", "o")
        await desk.sees("→ Yo")
        lines = desk.text.splitlines()
        assert "redis" in lines[-3] and "^s" in lines[-1] and desk.app.screen.query_one(TextArea).size.height >= 1

    run_terminal(tmp_path, steps, size=size)
