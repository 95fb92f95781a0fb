"""The control server of the terminal's tests says what the real one says."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from db.state import StateDir
from salo_tui.client import Client, PlatformUnreachable, Refused
from salo_tui.state import State, begun
from tests.salo_tui.fake_control import FakeControl
from tests.salo_tui.fake_data import fake_data
from tests.salo_tui.fake_process import fake_process


def test_state_of_the_terminal_is_made_of_what_it_says(tmp_path: Path) -> None:
    async def talk() -> None:
        async with FakeControl(StateDir(tmp_path)) as control, await Client.connect(StateDir(tmp_path)) as client:
            start = await client.subscribe()
            state = begun(State(), start["seq"], start["snapshot"])
            assert len(state.bots) == 20 and state.platform["dead"] == 12
            assert sum(bot.unsolved or 0 for bot in state.bots.values()) == 37
            control.publish("log", name="journal", level="info", line="hello")
            async for event in client.events():
                assert (event.seq, event.data["line"]) == (start["seq"] + 1, "hello")
                break

    asyncio.run(talk())


def test_commands_go_through_the_real_grammar(tmp_path: Path) -> None:
    async def talk() -> None:
        async with FakeControl(StateDir(tmp_path)) as control, await Client.connect(StateDir(tmp_path)) as client:
            letters = (await client.command("dead list -count 5")).data
            assert [letter["bot"] for letter in letters][:2] == ["anna_shop", "bingo_club"]
            older = (await client.command(f"dead list -before {letters[-1]['id']}")).data
            assert len(older) == 7 and older[0]["id"] < letters[-1]["id"]
            await client.command(f"dead drop {letters[0]['id']}")
            assert len(control.data.dead) == 11 and control.commands[-1] == f"dead drop {letters[0]['id']}"
            with pytest.raises(Refused, match="there is no dead letter"):
                await client.command(f"dead drop {letters[0]['id']}")
            with pytest.raises(Refused) as refused:
                await client.call("command", {"line": f"dead drop {letters[1]['id']}", "read_only": True})
            assert refused.value.exit_code == 4

    asyncio.run(talk())


def test_process_obeys_orders(tmp_path: Path) -> None:
    async def talk() -> None:
        async with await Client.connect(StateDir(tmp_path)) as client:
            assert (await client.snapshot())["bots"][0]["waiting"] == 44
            await client.subscribe()
            flood = asyncio.create_task(client.call("order", {"do": "flood", "per_s": 1000, "s": 0.2}))
            lines = []
            async for event in client.events():
                lines.append(event.data["line"])
                if len(lines) == 200:
                    break
            assert lines[-1].startswith("line 199 ") and (await flood)["count"] == 200

    with fake_process(tmp_path) as order:
        order("change", bot="anna_shop", waiting=44)
        asyncio.run(talk())


def test_answer_that_is_delayed_lets_others_pass(tmp_path: Path) -> None:
    async def talk() -> None:
        home = StateDir(tmp_path)
        async with FakeControl(home, delay={"command": 60.0, "history": 0.05}) as control:
            async with await Client.connect(home) as client:
                long = asyncio.create_task(client.command("status"))
                await client.subscribe()
                assert await client.history(1) and control.commands == ["status"]
                assert (await client.snapshot())["bots"] and not long.done()
            with pytest.raises(PlatformUnreachable):
                await long

    asyncio.run(talk())


def test_event_between_a_subscription_and_its_answer_comes_after_it(tmp_path: Path) -> None:
    async def talk() -> None:
        home = StateDir(tmp_path)
        async with FakeControl(home, delay={"subscribe": 0.05}) as control, await Client.connect(home) as client:
            control.subscribing = lambda: control.publish("log", name="x", level="info", line="meanwhile")
            start = await client.subscribe()
            async for event in client.events():
                assert (event.seq, event.data["line"]) == (start["seq"] + 1, "meanwhile")
                break

    asyncio.run(talk())


def test_data_is_the_same_each_time() -> None:
    assert fake_data() == fake_data() and len(fake_data(unsolved=300).unsolved) == 305
