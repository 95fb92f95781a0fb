"""The snapshot as JSON: made once for all who ask at about the same time, and never more than an answer may hold."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import redis

from db import codec
from db.protocol import LINE_MAX, BotInfo, Health, PlatformSnapshot
from server import control_snapshot
from server.control_methods import ID_MAX
from server.control_snapshot import SnapshotJson
from tests.salo_tui.fake_data import fake_data
from tests.server.control_desk import Desk, SmallPlatform, Wire, control_desk
from tests.services import wait_until

COUNTERS = dict.fromkeys(("replies", "unsolved", "ignored", "retries", "dead", "done"), 12345)
HEALTH = Health("ok", "", 120.0, 1_760_000_000_000)
BOT = BotInfo("anna", 1, 200_000_001, "main", True, "running", 3, 1, COUNTERS, "Название бота", 1.2, 120, 0, 12,
              1_760_000_000_000, HEALTH)  # fmt: skip


@pytest.fixture
def desk(clean_redis: redis.Redis, storage_settings: Path, tmp_path: Path) -> Iterator[Desk]:
    with control_desk(storage_settings, tmp_path / "home") as desk:
        yield desk


@pytest.fixture
def wire(desk: Desk) -> Iterator[Wire]:
    wire = desk.connect()
    yield wire
    wire.close()


def counted(desk: Desk) -> list[int]:
    """Return a list into which the number of the last event goes with each snapshot that is taken."""
    taken: list[int] = []

    def snapshot() -> PlatformSnapshot:
        taken.append(desk.server.seq)
        return PlatformSnapshot({}, [], [], [], desk.server.seq)

    desk.platform.snapshot = snapshot  # type: ignore[method-assign]
    return taken


def of_bots(count: int) -> PlatformSnapshot:
    return PlatformSnapshot({"pid": 1}, [replace(BOT, name=f"bot_number_{number}") for number in range(count)], [])


def test_one_is_taken_for_all_who_ask_at_the_same_time(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_snapshot, "KEPT_S", 60.0)
    taken = counted(desk)
    wires = [desk.connect() for _ in range(5)]
    assert all("result" in wire.call("snapshot") for wire in wires) and len(taken) == 1
    for wire in wires:
        wire.close()


def test_kept_one_grows_old(desk: Desk, wire: Wire) -> None:
    taken = counted(desk)
    begun = time.monotonic()
    wait_until(lambda: wire.call("snapshot") and len(taken) == 2)
    assert time.monotonic() - begun >= control_snapshot.KEPT_S


def test_nobody_is_shown_what_was_before_a_change_that_was_told(
    desk: Desk, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Log lines and steps change nothing in a snapshot; it keeps the number of the moment at which it was taken."""
    monkeypatch.setattr(control_snapshot, "KEPT_S", 60.0)
    taken = counted(desk)
    seqs = []
    for topic in ("log", "event", "process", "log", "bot", "ticker", "platform"):
        desk.publish(topic, name=topic, bot=topic)
        seqs.append(wire.call("snapshot")["result"]["seq"])
    assert seqs == [1, 1, 3, 3, 5, 6, 7] and taken == [1, 3, 5, 6, 7]


def test_json_is_that_of_the_snapshot() -> None:
    platform = SmallPlatform()
    snapshot = fake_data().snapshot(5)
    platform.snapshot = lambda: snapshot  # type: ignore[method-assign]
    assert codec.loads(codec.dumps(SnapshotJson(platform).fresh())) == codec.loads(codec.dumps(snapshot.as_json()))


@pytest.mark.parametrize(("bots", "has_counters"), [(100, True), (2400, True), (2900, False)])
def test_counters_are_left_out_when_they_do_not_fit(desk: Desk, wire: Wire, bots: int, has_counters: bool) -> None:
    desk.platform.snapshot = lambda: of_bots(bots)  # type: ignore[method-assign]
    for method in ("snapshot", "subscribe"):
        found = wire.call(method)["result"]
        shown = found.get("snapshot", found)["bots"]
        assert len(shown) == bots and shown[-1]["counters"] == (COUNTERS if has_counters else {})
        assert shown[-1]["title"] == "Название бота" and shown[-1]["health"]["ms"] == 120


def test_snapshot_that_is_too_long_is_refused_with_the_limit(desk: Desk, wire: Wire) -> None:
    desk.platform.snapshot = lambda: of_bots(5000)  # type: ignore[method-assign]
    for method in ("snapshot", "subscribe"):
        message = wire.call(method)["error"]["message"]
        assert "5000 bots" in message and str(control_snapshot.SNAPSHOT_MAX) in message
    assert control_snapshot.SNAPSHOT_MAX < LINE_MAX and not desk.server.has_subscribers
    desk.platform.snapshot = lambda: of_bots(1)  # type: ignore[method-assign]
    assert "result" in wire.call("subscribe")


def test_answer_around_the_longest_snapshot_is_a_line() -> None:
    """An id of 100 letters may take 600 bytes."""
    platform = SmallPlatform()
    text = "x" * (control_snapshot.SNAPSHOT_MAX - len(codec.dumps(PlatformSnapshot({"": ""}, [], []))))
    platform.snapshot = lambda: PlatformSnapshot({"": text}, [], [])  # type: ignore[method-assign]
    result = {"seq": 2**63, "snapshot": SnapshotJson(platform).fresh()}
    answer = codec.dumps({"jsonrpc": "2.0", "id": "\x01" * ID_MAX, "result": result}) + b"\n"
    assert control_snapshot.SNAPSHOT_MAX < len(answer) <= LINE_MAX
