"""The screen of the start leaves by itself, whatever lay over it when the platform came up."""

from __future__ import annotations

from pathlib import Path

from salo_tui.keeper import Phase
from salo_tui.linked import TerminalOptions
from salo_tui.screens.waiting import WaitingScreen
from tests.salo_tui.salo_pilot import Desk, run_terminal


def test_start_screen_is_gone_when_the_window_over_it_closes(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        app = desk.app
        app.keeper._set(Phase.STOPPED, "local:anna")
        await desk.until(lambda: isinstance(app.screen, WaitingScreen))
        await desk.press("question_mark")
        await desk.until(lambda: not isinstance(app.screen, WaitingScreen))
        desk.control.data.change_bot("anna_shop", waiting=7)  # the platform tells of itself again
        await desk.until(lambda: app.keeper.standing.phase is Phase.UP)
        await desk.press("escape")
        await desk.until(lambda: app.screen is app.frame and not isinstance(app.screen, WaitingScreen))
        assert not any(isinstance(screen, WaitingScreen) for screen in app.screen_stack)

    run_terminal(tmp_path, steps, options=TerminalOptions(starts=True))
