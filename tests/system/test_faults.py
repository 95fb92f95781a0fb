"""Under load, any one process is killed: every event is answered exactly once, in order, and nothing is left behind."""

from __future__ import annotations

import asyncio
import random
import time

import pytest

from server.chaos.belongings import of_home
from server.demo.chatter import Chatter, read_lines
from server.demo.play import Play
from server.demo.score import Summary
from server.demo.stage import Stage, set_stage
from tests.services import wait_until
from tests.system.processes import kill, pid_of

RATE = 25.0  # messages a second
TALK_S = 3.5
KILLS = 2
TABLES = {"engine": {"workers": 3, "deadline_s": 10.0}}


async def under_load(stage: Stage, hurt: object) -> Summary:
    """Let people talk while ``hurt`` is awaited now and then; return the summary."""
    play = Play(stage, Chatter(read_lines(), random.Random(7)))
    following = asyncio.ensure_future(play.follow())
    end = time.monotonic() + TALK_S
    talking = asyncio.ensure_future(play.talk(RATE, lambda: time.monotonic() > end))
    for number in range(1, KILLS + 1):
        await asyncio.sleep(TALK_S / (KILLS + 1))
        await hurt(number)  # type: ignore[operator]
    await talking
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    return await play.summary()


@pytest.mark.parametrize("kind", ["worker", "ticker", "zygote", "callback", "redis", "mariadb", "journal"])
def test_a_killed_child_costs_no_event_and_no_order(kind: str) -> None:
    async def play() -> tuple[Summary, object]:
        async with set_stage(TABLES, time_scale=0.01) as stage:

            async def hurt(_number: int) -> None:
                kill(await asyncio.to_thread(pid_of, stage.settings, kind))

            return await under_load(stage, hurt), stage.settings.home

    summary, home = asyncio.run(play())
    assert summary.is_clean, summary
    assert summary.events >= RATE * TALK_S * 0.9
    assert of_home(home) == []  # type: ignore[arg-type]


def test_a_killed_platform_leaves_nothing_behind_and_its_heir_finishes_the_work() -> None:
    async def play() -> Summary:
        async with set_stage(TABLES, time_scale=0.01) as stage:
            home = stage.settings.home

            async def hurt(_number: int) -> None:
                stage.platform.kill()
                await stage.platform.ended()

                def nothing_is_left() -> bool:
                    return all(process.pid == stage.emulator.pid for process in of_home(home))

                await asyncio.to_thread(wait_until, nothing_is_left, 5)
                await stage.start_platform()

            return await under_load(stage, hurt)

    summary = asyncio.run(play())
    assert summary.is_clean, summary
