"""What a terminal on a slow line sends: `:slow on` holds the lists and every log pane back."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from salo_tui.feeds import FeedLog
from salo_tui.widgets.log_view import FRAMES_PER_S
from tests.salo_tui.fake_process import fake_process
from tests.salo_tui.salo_pilot import Desk, run_terminal
from tests.salo_tui.terminal import Terminal

ATTACH = "tests.salo_tui.attach_app"
SECONDS = 6.0
LINES_PER_S = 100  # of all twenty bots: five of the one whose log is seen


def test_slow_line_gets_at_most_2_kB_a_second_of_bots_and_a_log_that_never_rest(tmp_path: Path) -> None:
    with fake_process(tmp_path) as order, Terminal(ATTACH, str(tmp_path), size=(80, 24)) as terminal:
        terminal.wait_for("jam_bar")
        terminal.press(":", "slow on", "enter")
        terminal.wait_for("slow link")
        terminal.settle(1.5)
        order("tick", hz=1)
        flood = threading.Thread(target=lambda: order("flood", per_s=LINES_PER_S, s=SECONDS + 3))
        flood.start()
        terminal.wait_for("FOLLOW 5/s")
        rate = terminal.bytes_in(SECONDS) / SECONDS
        flood.join()
        print(rate)
        assert 500 < rate <= 2_000


@pytest.mark.parametrize("key", ["1", "3", "0"])
def test_every_log_pane_paints_as_the_line_allows_also_one_made_later(key: str, tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        desk.app.set_slow(True)
        await desk.press(key)
        await desk.until(lambda: desk.app.screen.query(FeedLog))
        assert (
            {pane._frames_per_s for pane in desk.app.screen.query(FeedLog)} == {desk.app.frames_per_s} != {FRAMES_PER_S}
        )
        desk.app.set_slow(False)
        assert {pane._frames_per_s for pane in desk.app.screen.query(FeedLog)} == {FRAMES_PER_S}

    run_terminal(tmp_path, steps)
