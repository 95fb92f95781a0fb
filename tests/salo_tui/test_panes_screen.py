"""Panes while the bots they are of come and go."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.containers import Grid

from salo_tui.screens.panes import BotPane, PanesScreen
from tests.salo_tui.salo_pilot import Desk, run_terminal


def test_bot_that_goes_while_its_pane_is_made_hurts_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mount_all = Grid.mount_all

    async def steps(desk: Desk) -> None:
        async def then_one_goes(grid: Grid, widgets: Any) -> None:
            await mount_all(grid, widgets)
            state = desk.app.store.state
            bots = {name: bot for name, bot in state.bots.items() if name != "anna_shop"}
            desk.app.store.state = replace(state, bots=bots)

        monkeypatch.setattr(Grid, "mount_all", then_one_goes)
        desk.control.data.bots.pop("anna_shop")
        await desk.press("0")
        await desk.sees("┌─ bingo_club")
        await desk.until(lambda: "anna_shop" not in desk.text)

    run_terminal(tmp_path, steps)


def test_more_bots_are_shown_though_one_fills_the_screen(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        await desk.press("0")
        await desk.sees("┌─ bingo_club")
        await desk.press("Z")
        await desk.until(lambda: "┌─ bingo_club" not in desk.text and "┌─ anna_shop" in desk.text)
        await desk.press("right_square_bracket")
        await desk.sees("┌─ gym_north")
        assert "┌─ hobby_box" in desk.text, "all of them"
        await desk.press("Z")
        await desk.until(lambda: "┌─ hobby_box" not in desk.text and "┌─ gym_north" in desk.text)
        assert isinstance(desk.app.screen, PanesScreen) and isinstance(desk.app.focused, BotPane)

    run_terminal(tmp_path, steps)


def test_prompt_is_seen_over_a_pane_that_fills_the_screen(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        def is_alone() -> bool:
            return "┌─ bingo_club" not in desk.text and "┌─ anna_shop" in desk.text

        await desk.press("0")
        await desk.sees("┌─ bingo_club")
        await desk.press("Z")
        await desk.until(is_alone)
        await desk.press("colon", *"stat")
        await desk.sees(": stat")
        await desk.press("escape")
        await desk.until(lambda: ": stat" not in desk.text)
        assert is_alone(), "escape closes the prompt first"
        await desk.press("slash", *"peer")
        await desk.sees("/ peer")
        await desk.press("enter", "tab")
        await desk.until(lambda: "┌─ anna_shop" not in desk.text and "┌─ bingo_club" in desk.text)
        await desk.press("escape")
        await desk.sees("┌─ anna_shop")
        await desk.press("escape")
        await desk.sees("▸ Bots")

    run_terminal(tmp_path, steps)
