"""What the keys of the screen of tickers do."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.salo_tui.salo_pilot import Desk, run_terminal


@pytest.mark.parametrize(
    ("keys", "line"), [("", "ticker run storage_health"), ("down", "ticker run bot_health anna_shop")]
)
def test_enter_runs_the_ticker_under_the_cursor_at_once(keys: str, line: str, tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        await desk.press("5")
        await desk.sees("storage_health")
        await desk.press(*keys.split(), "enter")
        await desk.until(lambda: desk.control.commands)
        assert desk.control.commands == [line]
        await desk.sees(f"salo {line}")

    run_terminal(tmp_path, steps)


def test_paused_ticker_is_resumed_by_the_same_key(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        await desk.press("5")
        await desk.sees("storage_health")
        await desk.press("slash", *"news_spb", "enter", "n", "p")
        await desk.until(lambda: desk.control.commands)
        assert desk.control.commands == ["ticker resume bot_health news_spb"]

    run_terminal(tmp_path, steps)
