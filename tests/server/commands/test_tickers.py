"""``ticker …`` over the control socket: what is asked reaches the platform, what it says people and programs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server.control_desk import Desk, control_desk


@pytest.fixture
def desk(storage_settings: Path, tmp_path: Path) -> Iterator[Desk]:
    with control_desk(storage_settings, tmp_path / "home") as desk:
        yield desk


def command(desk: Desk, line: str) -> dict[str, Any]:
    wire = desk.connect()
    try:
        return dict(wire.call("command", line=line, language="en")["result"])
    finally:
        wire.close()


def test_a_tick_is_run_for_one_bot_or_for_all(desk: Desk) -> None:
    told = command(desk, "ticker run bot_health anna")
    (info,) = told["data"]
    assert (info["name"], info["bot"], info["result"]) == ("bot_health", "anna", "ok")
    assert told["text"] == "ticker bot_health of bot anna: ok, 3 ms"
    assert command(desk, "ticker run storage_health")["text"] == "ticker storage_health: ok, 3 ms"
    told = command(desk, "тикер запусти bot_health")
    assert [info["bot"] for info in told["data"]] == ["anna", "boris"]
    first, heads, *rows = told["text"].splitlines()
    assert first == "bot_health: 2 bots, not ok: boris"
    assert heads.startswith("ticker ") and len(rows) == 2


def test_a_tick_that_failed_is_told_by_the_exit_code(desk: Desk) -> None:
    told = command(desk, "ticker run bot_health boris")
    assert told["exit_code"] == 1 and told["text"] == "ticker bot_health of bot boris: failed, 3 ms"


def test_tickers_are_paused_and_resumed(desk: Desk) -> None:
    paused = command(desk, "тикер приостанови storage_health")
    assert paused["data"][0]["state"] == "paused" and paused["text"] == "ticker storage_health: paused"
    resumed = command(desk, "тикер продолжи storage_health")
    assert resumed["data"][0]["state"] == "waiting" and resumed["text"] == "ticker storage_health: goes on"
    assert command(desk, "ticker pause bot_health")["text"].startswith("bot_health: 2 bots, all paused\n")
    assert command(desk, "ticker resume bot_health")["text"].startswith("bot_health: 2 bots, all go on\n")


def test_the_list_is_the_snapshots(desk: Desk) -> None:
    told = command(desk, "тикеры")
    assert told["data"] == [] and told["text"].startswith("ticker")
