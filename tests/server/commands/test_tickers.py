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
    (info,) = command(desk, "ticker run bot_health anna")["data"]
    assert (info["name"], info["bot"], info["result"]) == ("bot_health", "anna", "ok")
    (info,) = command(desk, "тикер запусти bot_health")["data"]
    assert info["bot"] == ""


def test_a_tick_that_failed_is_told_by_the_exit_code(desk: Desk) -> None:
    told = command(desk, "ticker run bot_health boris")
    assert told["exit_code"] == 1 and "failed" in told["text"]


def test_tickers_are_paused_and_resumed(desk: Desk) -> None:
    paused = command(desk, "тикер приостанови storage_health")
    assert paused["data"][0]["state"] == "paused" and "paused" in paused["text"]
    assert command(desk, "тикер продолжи storage_health")["data"][0]["state"] == "waiting"


def test_the_list_is_the_snapshots(desk: Desk) -> None:
    told = command(desk, "тикеры")
    assert told["data"] == [] and told["text"].startswith("ticker")
