"""States are told at once, then four times a second at most, and the last word is always told."""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise
from typing import Any

from server.control_pace import PAUSE_S, QUIET_MAX, Pace

Sent = list[tuple[float, str, dict[str, Any]]]


async def paced(work: Any) -> Sent:
    sent: Sent = []
    pace = Pace(lambda topic, data: sent.append((time.monotonic(), topic, data)))
    await work(pace)
    await asyncio.sleep(2.5 * PAUSE_S)
    pace.close()
    return sent


def test_first_change_goes_out_at_once_and_the_last_word_wins() -> None:
    async def change(pace: Pace) -> None:
        end = time.monotonic() + 1
        number = 0
        while time.monotonic() < end:
            for name in ("redis", "zygote"):
                pace.put("process", {"name": name, "number": number})
            number += 1
            await asyncio.sleep(0.01)
        pace.put("process", {"name": "redis", "number": "last"})

    begun = time.monotonic()
    sent = asyncio.run(paced(change))
    for name in ("redis", "zygote"):
        own = [(at, data["number"]) for at, _topic, data in sent if data["name"] == name]
        assert own[0][1] == 0 and own[0][0] - begun < 0.2
        assert 4 <= len(own) <= 6
        assert min(after - before for (before, _), (after, _) in pairwise(own)) >= PAUSE_S - 0.01
    assert [data["number"] for _at, _topic, data in sent if data["name"] == "redis"][-1] == "last"


def test_things_do_not_wait_for_each_other() -> None:
    async def change(pace: Pace) -> None:
        pace.put("process", {"name": "a", "state": 1})
        await asyncio.sleep(0.1)
        pace.put("process", {"name": "b", "state": 1})
        pace.put("process", {"name": "b", "state": 2})
        pace.put("ticker", {"name": "a", "bot": "b"})
        pace.put("ticker", {"name": "a", "bot": "c"})
        pace.put("bot", {"bot": "a", "lane": "running"})
        pace.put("process", {"name": "a", "state": 2})

    sent = asyncio.run(paced(change))
    begun = sent[0][0]
    at = {
        (topic, data.get("name"), data.get("bot"), data.get("state")): round(when - begun, 1)
        for when, topic, data in sent
    }
    assert len(at) == 7
    assert at["ticker", "a", "b", None] == at["ticker", "a", "c", None] == at["bot", None, "a", None] == 0.1
    assert 0.2 <= at["process", "a", None, 2] <= 0.3, "due before b, though it changed after it"
    assert 0.3 <= at["process", "b", None, 2] <= 0.5


def test_logs_and_steps_are_not_slowed() -> None:
    pace = Pace(lambda topic, data: None)
    assert [topic for topic in ("log", "event", "process", "bot", "ticker", "dropped") if pace.slows(topic)] == [
        "process", "bot", "ticker",
    ]  # fmt: skip


def test_things_that_are_gone_are_forgotten() -> None:
    async def change(pace: Pace) -> None:
        for number in range(QUIET_MAX):
            pace.put("process", {"name": f"worker-{number}"})
        await asyncio.sleep(PAUSE_S)
        pace.put("process", {"name": "redis"})
        assert len(pace._told) == 1

    assert len(asyncio.run(paced(change))) == QUIET_MAX + 1


def test_what_is_gone_is_looked_for_once_a_pause() -> None:
    async def change() -> None:
        pace = Pace(lambda topic, data: None)
        begun, tables = time.monotonic(), [pace._told]
        for number in range(3 * QUIET_MAX):
            pace.put("process", {"name": f"worker-{number}"})
            if pace._told is not tables[-1]:
                tables.append(pace._told)
        pauses = (time.monotonic() - begun) / PAUSE_S
        assert len(tables) <= 2 + pauses
        pace.close()

    asyncio.run(change())
