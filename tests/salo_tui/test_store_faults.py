"""The terminal's store before platforms that fail in the middle of a word: it says so each time, and comes back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from db import codec
from db.state import StateDir
from salo_tui import store as store_module
from salo_tui.store import Link, LinkStatus, Store
from tests.salo_tui.fake_data import fake_data
from tests.salo_tui.salo_pilot import Desk, run_terminal

CONNECTED, LOST, RECONNECTED = LinkStatus.CONNECTED, LinkStatus.LOST, LinkStatus.RECONNECTED
WAIT_S = 30.0
Answer = Callable[[asyncio.StreamWriter, int], object]


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let snapshots be asked for often."""
    monkeypatch.setattr(store_module, "REFRESH_S", 0.1)
    monkeypatch.setattr(store_module, "STALE_S", 0.05)


async def follow(home: Path, on_snapshot: Answer, links: int) -> tuple[list[Link], asyncio.Task[None]]:
    """Follow a platform that answers ``subscribe`` and then fails, until the link has changed so many times."""
    state = StateDir(home)
    state.prepare()
    told: list[Link] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            request: dict[str, Any] = codec.loads(line)
            if request["method"] == "subscribe":
                result = {"seq": 0, "snapshot": fake_data().snapshot(0).as_json()}
                writer.write(codec.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}) + b"\n")
            else:
                on_snapshot(writer, request["id"])

    server = await asyncio.start_unix_server(serve, state.control_socket)
    running = asyncio.create_task(Store(state, lambda state: None, told.append).run())
    end = time.monotonic() + WAIT_S
    while len(told) < links and not running.done() and time.monotonic() < end:
        await asyncio.sleep(0.01)
    was_running = not running.done()
    server.close()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert was_running, "the follower ended, and nobody was told"
    return told, running


def abort(writer: asyncio.StreamWriter, _number: int) -> None:
    writer.transport.abort()


def answer_nonsense(writer: asyncio.StreamWriter, number: int) -> None:
    writer.write(codec.dumps({"jsonrpc": "2.0", "id": number, "result": {"bots": 5}}) + b"\n")


def say_no_event(writer: asyncio.StreamWriter, _number: int) -> None:
    writer.write(codec.dumps({"jsonrpc": "2.0", "method": "event", "params": {}}) + b"\n")


@pytest.mark.parametrize("fault", [abort, answer_nonsense, say_no_event])
def test_link_that_breaks_while_a_snapshot_is_asked_for_is_said_and_made_anew(tmp_path: Path, fault: Answer) -> None:
    told, running = asyncio.run(follow(tmp_path / "home", fault, links=4))
    assert [link.status for link in told[:4]] == [CONNECTED, LOST, RECONNECTED, LOST]
    assert running.cancelled(), "it still obeys"


def test_fault_of_the_terminal_itself_is_told_as_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object) -> None:
        raise RuntimeError("of our own")

    monkeypatch.setattr(store_module, "renewed", fail)

    def answer(writer: asyncio.StreamWriter, number: int) -> None:
        result = fake_data().snapshot(0).as_json()
        writer.write(codec.dumps({"jsonrpc": "2.0", "id": number, "result": result}) + b"\n")

    told, _running = asyncio.run(follow(tmp_path / "home", answer, links=3))
    assert "RuntimeError('of our own')" in told[1].reason and told[2].status is RECONNECTED


def test_follower_that_ends_is_said_and_begun_again(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        follower = next(worker for worker in desk.app.workers if worker.name == "store")
        follower.cancel()
        await desk.sees("the platform is back")
        await desk.until(lambda: desk.app.link.is_up and desk.app.store.client is not None)
        desk.control.data.change_bot("anna_shop", waiting=4321)
        await desk.sees("4321")

    run_terminal(tmp_path / "home", steps)
