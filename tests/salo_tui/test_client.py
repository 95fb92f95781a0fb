"""The terminal's client against the real control server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from engine.commands.grammar import split
from salo_tui.client import Client, PlatformUnreachable, Refused
from salo_tui.ctl import line_of
from tests.server.control_desk import Desk, control_desk


@pytest.fixture
def desk(clean_redis: redis.Redis, storage_settings: Path, tmp_path: Path) -> Iterator[Desk]:
    with control_desk(storage_settings, tmp_path / "home") as desk:
        yield desk


def test_client_asks_and_is_answered(desk: Desk) -> None:
    async def talk() -> None:
        async with await Client.connect(desk.settings.state) as client:
            assert {item["name"] for item in await client.describe()} >= {"bot add", "status", "help"}
            assert (await client.snapshot())["bots"][0]["name"] == "anna"
            first, second = await asyncio.gather(client.command("ps"), client.command("status"))
            assert first.data[0]["pid"] == 4711 and {"platform", "bots", "processes", "tickers"} < set(second.data)
            with pytest.raises(Refused) as refused:
                await client.command("base create x", role="moderator")
            assert refused.value.exit_code == 4

    asyncio.run(talk())


def test_client_gets_events_in_order_beside_answers(desk: Desk) -> None:
    async def talk() -> list[int]:
        async with await Client.connect(desk.settings.state) as client:
            start = await client.subscribe(["log"])
            for number in range(20):
                await asyncio.to_thread(desk.publish, "log", number=number)
            await client.snapshot()
            seen = []
            async for event in client.events():
                assert event.seq > start["seq"] and event.topic == "log"
                seen.append(event.data["number"])
                if len(seen) == 20:
                    return seen
        raise AssertionError("the events ended")

    assert asyncio.run(talk()) == list(range(20))


def test_client_gets_what_was_told_before_it_came(desk: Desk) -> None:
    async def talk() -> None:
        for number in range(5):
            await asyncio.to_thread(desk.publish, "log", name="redis", level="info", line=str(number))
        async with await Client.connect(desk.settings.state) as client:
            start = await client.subscribe()
            last = await client.history(3)
            assert [event.data["line"] for event in last] == ["2", "3", "4"]
            assert [event.topic for event in last] == ["log"] * 3 and last[-1].seq == start["seq"]

    asyncio.run(talk())


def test_client_that_only_reads_changes_nothing(desk: Desk) -> None:
    async def talk() -> None:
        async with await Client.connect(desk.settings.state) as client:
            assert (await client.command("ps", read_only=True)).exit_code == 0
            with pytest.raises(Refused, match="reading only") as refused:
                await client.command("restart redis", read_only=True)
            assert refused.value.exit_code == 4 and desk.platform.restarted == []

    asyncio.run(talk())


def test_nobody_there_is_said_at_once(desk: Desk, tmp_path: Path) -> None:
    from db.state import StateDir

    with pytest.raises(PlatformUnreachable, match="salo run"):
        asyncio.run(Client.connect(StateDir(tmp_path / "nowhere")))


def test_platform_that_goes_away_ends_the_events_and_the_calls(
    clean_redis: redis.Redis, storage_settings: Path, tmp_path: Path
) -> None:
    async def talk() -> None:
        serving = control_desk(storage_settings, tmp_path / "gone")
        desk = await asyncio.to_thread(serving.__enter__)
        client = await Client.connect(desk.settings.state)
        await client.subscribe()
        await asyncio.to_thread(serving.__exit__, None, None, None)
        assert [event async for event in client.events()] == []
        with pytest.raises(PlatformUnreachable):
            await client.snapshot()
        await client.close()

    asyncio.run(talk())


_WORD = st.text(alphabet=st.characters() | st.sampled_from("\"'«» \\-"), max_size=12)


@given(st.lists(_WORD, min_size=2, max_size=5))
def test_words_of_a_shell_stay_words(words: list[str]) -> None:
    assert [word.text for word in split(line_of(words))] == words
