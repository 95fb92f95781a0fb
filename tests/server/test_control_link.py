"""One connection of the control socket: what takes long holds up nothing else, and a subscription stays exact."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from db.protocol import PlatformSnapshot, TickerInfo
from server.control_link import COMMANDS_MAX
from server.control_methods import CALLER_AT_ONCE, ID_MAX
from tests.server.control_desk import Desk, Wire, control_desk
from tests.services import wait_until


class Slow:
    """Makes ``ticker run`` of a desk wait until it is let go."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.begun: list[str] = []
        self.ended: list[str] = []
        self._may_end = asyncio.Semaphore(0)
        desk.platform.run_ticker = self._run  # type: ignore[method-assign]

    async def _run(self, name: str, bot: str) -> list[TickerInfo]:
        self.begun.append(bot)
        await self._may_end.acquire()
        self.ended.append(bot)
        return [TickerInfo(name, bot, 600.0, "waiting")]

    def let_go(self, count: int) -> None:
        """Let so many of them end."""

        def release() -> None:
            for _turn in range(count):
                self._may_end.release()

        self.desk.in_loop(release)


@pytest.fixture
def desk(clean_redis: redis.Redis, storage_settings: Path, tmp_path: Path) -> Iterator[Desk]:
    with control_desk(storage_settings, tmp_path / "home") as desk:
        yield desk


@pytest.fixture
def wire(desk: Desk) -> Iterator[Wire]:
    wire = desk.connect()
    yield wire
    wire.close()


@pytest.fixture
def slow(desk: Desk) -> Iterator[Slow]:
    slow = Slow(desk)
    yield slow
    slow.let_go(1000)


def ask(wire: Wire, number: int, line: str = "") -> None:
    """Send a command, of ``Slow`` when no line is given, and do not wait for its answer."""
    params = {"line": line or f"ticker run bot_health b{number}"}
    wire.send(json.dumps({"jsonrpc": "2.0", "id": number, "method": "command", "params": params}).encode())


def commands(desk: Desk) -> int:
    """Return how many commands the server is about."""
    return int(desk.in_loop(lambda: sum("._command" in str(task.get_coro()) for task in asyncio.all_tasks())))


def test_long_command_holds_up_nothing_on_its_connection(desk: Desk, wire: Wire, slow: Slow) -> None:
    ask(wire, 7)
    wait_until(lambda: slow.begun)
    for method, params in [("snapshot", {}), ("history", {}), ("describe", {}), ("command", {"line": "ps"})]:
        assert wire.call(method, **params)["id"] == 1
    assert wire.call("subscribe")["id"] == 1
    desk.publish("log", line="meanwhile")
    assert wire.read()["params"]["data"] == {"line": "meanwhile"}
    slow.let_go(1)
    answer = wire.read()
    assert answer["id"] == 7 and answer["result"]["exit_code"] == 0


def test_client_has_eight_turns_and_others_come_between(desk: Desk, wire: Wire, slow: Slow) -> None:
    for number in range(CALLER_AT_ONCE + 4):
        ask(wire, number)
    wait_until(lambda: len(slow.begun) == CALLER_AT_ONCE)
    assert "result" in wire.call("snapshot"), "all of them were read"
    other = desk.connect()
    ask(other, 100)
    assert "result" in other.call("snapshot")
    slow.let_go(2)
    wait_until(lambda: len(slow.begun) == CALLER_AT_ONCE + 2)
    assert "b100" in slow.begun, "its turn came before those that the first client has too many"
    slow.let_go(20)
    assert {wire.read()["id"] for _ in range(CALLER_AT_ONCE + 4)} == set(range(CALLER_AT_ONCE + 4))
    assert other.read()["id"] == 100
    other.close()


def test_stop_gets_through_whatever_its_client_waits_for(desk: Desk, wire: Wire, slow: Slow) -> None:
    for number in range(2 * CALLER_AT_ONCE):
        ask(wire, number)
    wait_until(lambda: len(slow.begun) == CALLER_AT_ONCE)
    ask(wire, 99, "/stop")
    assert wire.read()["id"] == 99 and desk.platform.stopped.is_set()


def test_client_with_too_many_commands_is_read_later(desk: Desk, wire: Wire, slow: Slow) -> None:
    for number in range(COMMANDS_MAX + 20):
        ask(wire, number)
    wait_until(lambda: commands(desk) == COMMANDS_MAX)
    assert "result" in desk.connect().call("snapshot"), "others are served"
    assert commands(desk) == COMMANDS_MAX
    slow.let_go(COMMANDS_MAX + 20)
    assert sorted(wire.read()["id"] for _ in range(COMMANDS_MAX + 20)) == list(range(COMMANDS_MAX + 20))


def test_commands_of_a_client_that_goes_end_and_leave_nothing(desk: Desk, wire: Wire, slow: Slow) -> None:
    assert "result" in wire.call("snapshot"), "the client that stays is served, so its task is counted"
    before = desk.in_loop(lambda: len(asyncio.all_tasks()))
    gone = desk.connect()
    assert "result" in gone.call("subscribe")
    for number in range(CALLER_AT_ONCE + 3):
        ask(gone, number)
    wait_until(lambda: commands(desk) == CALLER_AT_ONCE + 3)
    gone.close()
    wait_until(lambda: not desk.server.has_subscribers)
    slow.let_go(CALLER_AT_ONCE + 3)
    wait_until(lambda: len(slow.ended) == CALLER_AT_ONCE + 3)
    wait_until(lambda: desk.in_loop(lambda: len(asyncio.all_tasks())) == before)
    assert len(desk.server._clients) == 1


def test_client_that_says_no_more_is_still_answered(desk: Desk, wire: Wire, slow: Slow) -> None:
    ask(wire, 7)
    wire.socket.shutdown(socket.SHUT_WR)
    wait_until(lambda: slow.begun)
    slow.let_go(1)
    assert wire.read()["id"] == 7 and wire.is_closed()


def test_server_that_stops_waits_for_no_command(
    clean_redis: redis.Redis, storage_settings: Path, tmp_path: Path
) -> None:
    with control_desk(storage_settings, tmp_path / "home") as desk:
        slow, wire = Slow(desk), desk.connect()
        for number in range(3):
            ask(wire, number)
        wait_until(lambda: len(slow.begun) == 3)
    assert wire.is_closed() and not slow.ended


def test_subscription_is_exact_beside_commands_and_a_flood(desk: Desk, wire: Wire, slow: Slow) -> None:
    """Its snapshot knows each event up to its number, though one was kept just before; the feed has each later one."""
    desk.platform.snapshot = numbered(desk)  # type: ignore[method-assign]
    count = 3000

    async def flood() -> None:
        for number in range(count):
            desk.server.publish("log", {"number": number})
            await asyncio.sleep(0)

    for number in range(10, 14):
        ask(wire, number)
    flooding = asyncio.run_coroutine_threadsafe(flood(), desk.loop)
    other = desk.connect()
    for _turn in range(5):
        other.call("snapshot")
    start = wire.call("subscribe")["result"]
    slow.let_go(4)
    flooding.result(30)
    desk.publish("log", number="last")
    seqs: list[int] = []
    answers: list[int] = []
    told = None
    while told != "last" or len(answers) < 4:
        line = wire.read()
        if "id" in line:
            answers.append(line["id"])
        else:
            seqs.append(line["params"]["seq"])
            told = line["params"]["data"]["number"]
    assert start["snapshot"]["platform"]["told"] == start["snapshot"]["seq"] == start["seq"]
    assert seqs == list(range(start["seq"] + 1, desk.server.seq + 1)) and sorted(answers) == [10, 11, 12, 13]
    other.close()


def test_subscription_takes_a_snapshot_of_its_own(desk: Desk, wire: Wire) -> None:
    desk.platform.snapshot = numbered(desk)  # type: ignore[method-assign]
    assert wire.call("snapshot")["result"]["seq"] == 0
    desk.publish("log", line="one")
    start = wire.call("subscribe")["result"]
    assert (start["seq"], start["snapshot"]["seq"], start["snapshot"]["platform"]) == (1, 1, {"told": 1})


def numbered(desk: Desk) -> Callable[[], PlatformSnapshot]:
    """Return a snapshot that says how many events were told before it."""
    return lambda: PlatformSnapshot({"told": desk.server.seq}, [], [], [], desk.server.seq)


@pytest.mark.parametrize("method", ["snapshot", "subscribe"])
def test_bug_of_ours_is_told_and_cuts_nobody_off(desk: Desk, wire: Wire, method: str) -> None:
    whole = desk.platform.snapshot

    def broken() -> Any:
        raise KeyError("anna")

    desk.platform.snapshot = broken  # type: ignore[method-assign]
    assert wire.call(method)["error"] == {"code": -32603, "message": "KeyError; the platform's log says more"}
    assert not desk.server.has_subscribers
    desk.platform.snapshot = whole  # type: ignore[method-assign]
    assert "result" in wire.call(method)


def test_id_that_is_too_long_is_refused(wire: Wire) -> None:
    wire.send(json.dumps({"jsonrpc": "2.0", "id": "x" * (ID_MAX + 1), "method": "snapshot"}).encode())
    assert wire.read()["error"]["code"] == -32600
    wire.send(json.dumps({"jsonrpc": "2.0", "id": "x" * ID_MAX, "method": "snapshot"}).encode())
    assert wire.read()["id"] == "x" * ID_MAX
