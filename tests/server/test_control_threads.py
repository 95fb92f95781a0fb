"""What a command waits for holds up no command that does not need it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from server.commands import loopview
from server.control_threads import COMMANDS_AT_ONCE, CommandThreads
from tests.server.control_desk import Desk, control_desk
from tests.services import wait_until


@pytest.fixture
def desk(clean_redis: redis.Redis, storage_settings: Path, tmp_path: Path) -> Iterator[Desk]:
    with control_desk(storage_settings, tmp_path / "home") as desk:
        yield desk


def waiting() -> int:
    """Return how many threads of storage commands there are."""
    return sum(thread.name.startswith("command-storage") for thread in threading.enumerate())


def ask_and_go(desk: Desk, line: str) -> None:
    wire = desk.connect()
    wire.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "command", "params": {"line": line}}).encode())
    wire.close()


def test_stop_gets_through_while_commands_of_clients_that_went_wait_for_the_storage(desk: Desk) -> None:
    desk.in_loop(desk.platform.storage.clear)
    before = waiting()
    for _turn in range(COMMANDS_AT_ONCE + 2):
        ask_and_go(desk, "unsolved list")
    wait_until(lambda: waiting() == before + COMMANDS_AT_ONCE)
    wire = desk.connect()
    begun = time.monotonic()
    assert "result" in wire.call("command", line="ps") and "result" in wire.call("command", line="restart redis")
    assert "result" in wire.call("command", line="stop") and desk.platform.stopped.is_set()
    assert time.monotonic() - begun < loopview.STORAGE_S / 2
    wire.close()


def test_storage_that_does_not_come_is_not_waited_for(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loopview, "STORAGE_S", 0.1)
    desk.in_loop(desk.platform.storage.clear)
    wire = desk.connect()
    error = wire.call("command", line="base list", language="en")["error"]
    assert error["message"] == "the platform is still starting; try again in a moment"
    assert error["data"]["exit_code"] == 3
    desk.in_loop(desk.platform.storage.set)
    assert "result" in wire.call("command", line="base list")
    wire.close()


def test_platform_that_stops_lets_waiting_commands_go(
    clean_redis: redis.Redis, storage_settings: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = waiting()
    with control_desk(storage_settings, tmp_path / "home") as desk:
        desk.in_loop(desk.platform.storage.clear)
        ask_and_go(desk, "base list")
        wait_until(lambda: waiting() == before + 1)
    wait_until(lambda: waiting() == before, timeout_s=loopview.STORAGE_S / 2)
    assert not caplog.records, "it is no bug, so nothing is told of it"


@pytest.mark.parametrize(
    ("kind", "asks"),
    [
        ("_stop", [{"line": "stop"}, {"line": "/stop"}, {"line": ":STOP now"}, {"name": "stop"}]),
        ("_platform", [{"line": "restart redis"}, {"line": "ticker run x"}, {"name": "status"}, {"line": "ps -x"}]),
        ("_storage", [{"line": "bot list"}, {"line": "unsolved answer main/1 stop"}, {"name": "bot add"}]),
        ("_platform", [{"line": ""}, {"line": "no such"}, {"name": 5}, {}]),
    ],
)
def test_commands_run_apart_by_what_they_need(kind: str, asks: list[dict[str, object]]) -> None:
    threads = CommandThreads()
    assert [threads.of(params) for params in asks] == [getattr(threads, kind)] * len(asks)
    threads.close()
