"""What a real platform tells a terminal: all that it shows, and nothing new when nothing happens."""

from __future__ import annotations

import asyncio
import random
import time
from typing import Any

from server.control_client import ControlClient
from server.demo.cast import ROLES
from server.demo.chatter import Chatter, read_lines
from server.demo.play import Play
from server.demo.stage import Stage, set_stage
from tests.services import wait_until


async def talk(stage: Stage, seconds: float) -> None:
    """Let people talk for a moment."""
    play = Play(stage, Chatter(read_lines(), random.Random(11)))
    end = time.monotonic() + seconds
    await play.talk(20, lambda: time.monotonic() > end)


def shown(client: ControlClient) -> dict[str, Any]:
    """Return all that a terminal shows of a snapshot but the clock of the first minute."""
    found: dict[str, Any] = client.call("snapshot", {})
    for item in (found["platform"], *found["processes"]):
        item.pop("uptime")
    return found


def last_lines(client: ControlClient) -> set[str]:
    events = client.call("history", {"count": 1000})["events"]
    return {f"{one['data']['name']} {one['data']['level']}" for one in events if one["topic"] == "log"}


def is_counted(bots: list[dict[str, Any]]) -> bool:
    """Say whether unsolved phrases were counted, and there are some."""
    return all(bot["unsolved"] is not None for bot in bots) and any(bot["unsolved"] for bot in bots)


def is_still(client: ControlClient) -> bool:
    """Say whether a terminal would have nothing to draw for two seconds."""
    before = shown(client)
    time.sleep(2)
    return shown(client) == before


def look(stage: Stage) -> None:
    with ControlClient.connect(stage.settings.state) as client:
        wait_until(lambda: is_counted(shown(client)["bots"]))
        bots = shown(client)["bots"]
        assert [bot["title"] for bot in bots] == [role.title for role in ROLES]
        assert all(bot["p95_ms"] is not None and bot["last_ms"] > 10**12 for bot in bots)
        assert any(bot["rate"] > 0 for bot in bots)
        assert {"redis info", "mariadb info", "mariadb warning", "platform info", "zygote info"} <= last_lines(client)
        ends = [one["data"] for one in client.call("history", {"count": 1000})["events"] if one["topic"] == "event"]
        done = [end for end in ends if end["step"] == "done"]
        assert all(end["text"] and end["reply"] and end["worker"] for end in done)
        assert "platform ready" in (stage.settings.state.logs / "platform.log").read_text()
        facts = shown(client)["platform"]
        assert facts["dead"] == 0 and facts["host"] and {"redis", "mariadb", "callback"} <= facts["lamps"].keys()
        wait_until(lambda: is_still(client), 30)


def test_terminal_is_told_all_that_it_shows_and_nothing_when_nothing_happens() -> None:
    async def play() -> None:
        async with set_stage() as stage:
            await talk(stage, 4)
            await asyncio.to_thread(look, stage)

    asyncio.run(play())
