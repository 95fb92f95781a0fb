"""A whole platform whose clock is set an hour and a day forward and back while people talk: nothing lost or doubled."""

from __future__ import annotations

import asyncio
import os
import random
import time
from pathlib import Path

import pytest

from server.chaos.belongings import of_home
from server.demo.chatter import Chatter, read_lines
from server.demo.play import Outcome, Play
from server.demo.score import Summary, summarise
from server.demo.stage import set_stage
from tests.services import wait_until
from tests.shifted_clock import ShiftedClock

RATE, STEP_S = 25.0, 0.7  # messages a second; seconds between two jumps
HOUR_S, DAY_S = 3600, 86_400
WORKERS = 3
MANY = 8  # processes of a platform that is up
TABLES = {"engine": {"workers": WORKERS}, "tickers": {"storage_health_s": 0.5}, "platform": {"language": "en"}}


def strangers(home: Path, clock: ShiftedClock) -> list[str]:
    """Return the command lines of those that do not live by the clock; there must be others."""
    wait_until(lambda: len(of_home(home)) > MANY, 30)  # workers are forked when the zygote is warm
    all_of_them = of_home(home)
    lines = [" ".join(process.cmdline()) for process in all_of_them if not lives_by(process.pid, clock)]
    assert len(all_of_them) - len(lines) >= MANY, all_of_them
    return lines


def lives_by(pid: int, clock: ShiftedClock) -> bool:
    return clock.env["LD_PRELOAD"] in Path(f"/proc/{pid}/maps").read_text()


def judged(outcome: Outcome) -> Summary:
    """Return the summary. A send that was under way at a jump ahead is told as a dead letter, and as nothing else."""
    assert all(letter.reason.startswith("may have been sent") for letter in outcome.buried), outcome.buried
    assert len(outcome.buried) <= 2 * WORKERS, "what was under way at the two jumps ahead"
    buried = {letter.event_id for letter in outcome.buried}
    return summarise(outcome.said, outcome.answers, outcome.remembered, buried)


def test_a_platform_whose_clock_jumps_loses_and_doubles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ShiftedClock(tmp_path)
    door = (str(Path(__file__).with_name("shifted_platform.py")), clock.env["LD_PRELOAD"], clock.env["SHIFTED_CLOCK"])
    monkeypatch.setattr("server.demo.stage.PLATFORM", door)
    seed = int(os.environ.get("SALO_SEED") or time.time_ns() % 1_000_000)
    print(f"SALO_SEED={seed}")
    dice = random.Random(seed)

    async def play() -> tuple[Summary, str]:
        async with set_stage(TABLES, time_scale=0.01) as stage:
            others = await asyncio.to_thread(strangers, stage.settings.home, clock)
            assert len(others) == 1 and "server.emulator" in others[0], others
            play = Play(stage, Chatter(read_lines(), random.Random(seed)))
            following = asyncio.ensure_future(play.follow())
            end = time.monotonic() + 5 * STEP_S
            talking = asyncio.ensure_future(play.talk(RATE, lambda: time.monotonic() > end))
            for jump_s in (HOUR_S, -HOUR_S, DAY_S, -DAY_S):
                await asyncio.sleep(STEP_S * dice.uniform(0.8, 1.2))
                clock.jump(jump_s)
            await talking
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
            return judged(await play.outcome()), (stage.settings.state.logs / "platform.log").read_text()

    summary, log = asyncio.run(play())
    assert summary.is_clean, summary
    assert summary.events >= RATE * 5 * STEP_S * 0.8
    assert "clock" in log, "the jumps were noticed"
