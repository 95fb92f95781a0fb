"""What subscribers of the control socket are told: in order, numbered, bounded, and never waited for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from server.control_feed import PORTION_MAX, Feed, FeedLine
from tests.server.control_desk import Desk, Wire, control_desk


@pytest.fixture
def desk(clean_redis: redis.Redis, storage_settings: Path, tmp_path: Path) -> Iterator[Desk]:
    with control_desk(storage_settings, tmp_path / "home") as desk:
        yield desk


@pytest.fixture
def wire(desk: Desk) -> Iterator[Wire]:
    wire = desk.connect()
    yield wire
    wire.close()


def test_subscriber_gets_a_snapshot_and_then_numbered_events(desk: Desk, wire: Wire) -> None:
    desk.publish("log", text="before")
    start = wire.call("subscribe", topics=["log"])["result"]
    assert start["snapshot"]["bots"][0]["name"] == "anna"
    desk.publish("process", name="redis")
    desk.publish("log", text="after")
    event = wire.read()
    assert event["method"] == "event" and event["params"]["topic"] == "log"
    assert event["params"]["seq"] == start["seq"] + 2 and event["params"]["data"] == {"text": "after"}
    assert "result" in wire.call("snapshot"), "commands go on beside the subscription"


def test_history_is_of_the_last_lines_and_steps(desk: Desk, wire: Wire) -> None:
    for number in range(5):
        desk.publish("log", name="redis", level="info", line=str(number))
        desk.publish("process", name=f"p{number}")
    events = wire.call("history", count=2)["result"]["events"]
    assert [(event["topic"], event["data"]["line"]) for event in events] == [("log", "3"), ("log", "4")]
    assert [event["seq"] for event in events] == [7, 9] and events[0]["at_ms"] > 10**12
    assert len(wire.call("history")["result"]["events"]) == 5
    for count in (-1, 1001, "5", True, None):
        assert wire.call("history", count=count)["error"]["code"] == -32602


def test_states_are_told_four_times_a_second_and_numbered_when_they_are_sent(desk: Desk, wire: Wire) -> None:
    start = wire.call("subscribe")["result"]
    for number in range(20):
        desk.publish("process", name="redis", number=number)
        desk.publish("log", line=str(number))
    told = [wire.read()["params"] for _ in range(22)]
    assert [event["seq"] for event in told] == list(range(start["seq"] + 1, start["seq"] + 23))
    assert [event["data"]["number"] for event in told if event["topic"] == "process"] == [0, 19]


def test_event_that_cannot_be_told_hurts_nobody(desk: Desk, wire: Wire) -> None:
    wire.call("subscribe")
    desk.publish("log", text="\ud800")
    desk.publish("log", text="fine")
    assert wire.read()["params"]["data"] == {"text": "fine"}


def test_platform_does_not_wait_for_a_subscriber_that_does_not_read(desk: Desk, wire: Wire) -> None:
    wire.call("subscribe")
    count, text = 20_000, "x" * 500

    def flood() -> None:
        for number in range(count):
            desk.server.publish("log", {"number": number, "text": text})

    desk.in_loop(flood)
    assert "result" in desk.connect().call("snapshot"), "others are served meanwhile"
    numbers, dropped, last_seq = [], 0, 0
    while not numbers or numbers[-1] != count - 1:
        params = wire.read()["params"]
        assert params["seq"] > last_seq
        last_seq = params["seq"]
        if params["topic"] == "dropped":
            dropped += params["data"]["count"]
        else:
            numbers.append(params["data"]["number"])
    assert dropped > 0 and dropped + len(numbers) == count and numbers == sorted(numbers)


def test_client_that_does_not_read_for_five_seconds_holds_nobody_up(desk: Desk, wire: Wire) -> None:
    """At 2,000 events a second the loop goes on turning, and what the client reads later is the newest."""
    wire.call("subscribe")
    count, gap_s = asyncio.run_coroutine_threadsafe(flooded(desk, 5.0, 2000), desk.loop).result(30)
    assert count > 8000 and gap_s < 2.0  # who waits for the client waits for all of 5 s
    seqs, dropped = [], 0
    while not seqs or seqs[-1] < count:
        params = wire.read()["params"]
        seqs.append(params["seq"])
        dropped += params["data"]["count"] if params["topic"] == "dropped" else 0
    assert seqs == sorted(seqs) and dropped + len(seqs) - (dropped > 0) == count


async def flooded(desk: Desk, seconds: float, rate: int) -> tuple[int, float]:
    """Publish at ``rate`` and return how many there were, and the longest time in which the loop did not turn."""
    begun, count, longest, last = time.monotonic(), 0, 0.0, time.monotonic()
    while (now := time.monotonic()) < begun + seconds:
        longest, last = max(longest, now - last), now
        while count < (now - begun) * rate:
            count += 1
            desk.server.publish("event", {"bot": "anna", "step": "done", "text": "ы" * 300, "reply": "я" * 300})
        await asyncio.sleep(0.005)
    return count, longest


def test_clients_that_do_not_read_share_what_they_leave_unread(desk: Desk) -> None:
    wires = [desk.connect() for _ in range(8)]
    for wire in wires:
        wire.call("subscribe")

    def flood() -> None:
        for number in range(10_000):
            desk.server.publish("log", {"line": f"{number} {'x' * 500}"})

    desk.in_loop(flood)
    feeds = list(desk.server._feeds)
    held = {id(item) for feed in feeds for item in feed._lines}
    assert len(held) <= max(len(feed._lines) for feed in feeds) + 8 * PORTION_MAX // 500
    assert sum(len(feed._lines) for feed in feeds) > 6 * len(held)
    for wire in wires:
        wire.close()


@given(st.lists(st.integers(1, 400), max_size=60), st.integers(1, 9), st.integers(1, 900))
def test_feed_is_bounded_and_counts_what_it_drops(sizes: list[int], events_max: int, bytes_max: int) -> None:
    feed = Feed(None, events_max, bytes_max)
    for seq, size in enumerate(sizes, 1):
        feed.put(FeedLine(seq, b"x" * size))
    if not sizes:
        return
    dropped, lines = asyncio.run(feed.take(bytes_max))
    assert dropped.count + len(lines) == len(sizes) and dropped.last_seq == dropped.count
    assert len(lines) <= events_max and (sum(map(len, lines)) <= bytes_max or len(lines) == 1)
    assert [len(line) for line in lines] == sizes[dropped.count :]


@given(st.lists(st.integers(1, 400), min_size=1, max_size=60), st.integers(1, 900))
def test_feed_is_taken_in_portions(sizes: list[int], portion_max: int) -> None:
    async def take_all() -> list[list[int]]:
        feed, portions = Feed(None), []
        for seq, size in enumerate(sizes, 1):
            feed.put(FeedLine(seq, b"x" * size))
        while feed._lines:
            portions.append([len(line) for line in (await feed.take(portion_max))[1]])
        assert not feed._some.is_set() and feed._bytes == 0
        return portions

    portions = asyncio.run(take_all())
    assert [size for portion in portions for size in portion] == sizes
    assert all(len(portion) == 1 or sum(portion) <= portion_max for portion in portions)
