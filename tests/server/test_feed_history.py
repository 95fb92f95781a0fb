"""The last log lines and steps of messages: bounded by number, by memory, and by what an answer may hold."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from db import codec
from db.protocol import PlatformEvent
from server.feed_history import ANSWER_BYTES_MAX, ANSWER_EVENTS_MAX, EVENTS_MAX, MEMORY_MAX, FeedHistory


def event(seq: int, topic: str = "log", **data: Any) -> PlatformEvent:
    return PlatformEvent(seq, topic, 1000 + seq, data)


def test_logs_and_steps_are_kept_and_states_are_not() -> None:
    history = FeedHistory()
    for seq, topic in enumerate(["log", "process", "event", "bot", "ticker", "dropped"], 1):
        history.keep(event(seq, topic, name="x"))
    assert history.last(10) == [
        {"seq": 1, "topic": "log", "at_ms": 1001, "data": {"name": "x"}},
        {"seq": 3, "topic": "event", "at_ms": 1003, "data": {"name": "x"}},
    ]


@given(st.lists(st.integers(0, 3000), max_size=60), st.integers(1, 9), st.integers(1, 9000), st.integers(0, 20))
def test_newest_are_kept_within_all_bounds(sizes: list[int], events_max: int, memory_max: int, count: int) -> None:
    history = FeedHistory(events_max, memory_max)
    for seq, size in enumerate(sizes, 1):
        history.keep(event(seq, line="ы" * size))
    kept = list(history._events)
    assert len(kept) <= events_max and (history._memory <= memory_max or len(kept) == 1)
    assert history._memory == sum(item.size for item in kept)
    assert [item.event.seq for item in kept] == list(range(len(sizes) - len(kept) + 1, len(sizes) + 1))
    last = history.last(count, 5000)
    assert [item["seq"] for item in last] == [item.event.seq for item in kept][len(kept) - len(last) :]
    assert len(last) <= count and len(codec.dumps(last)) <= 5002


def test_answer_is_a_thousand_events_or_less_than_a_line_holds() -> None:
    history = FeedHistory()
    for seq in range(EVENTS_MAX + 10):
        history.keep(event(seq, line="short"))
    assert len(history._events) == EVENTS_MAX
    assert [item["seq"] for item in history.last(10**9)][-1] == EVENTS_MAX + 9
    assert len(history.last(10**9)) == ANSWER_EVENTS_MAX and history.last(-5) == []
    for seq in range(1000):
        history.keep(event(seq, line="ы" * 4000))
    assert history._memory <= MEMORY_MAX
    assert ANSWER_BYTES_MAX - 9000 < len(codec.dumps(history.last(1000))) <= ANSWER_BYTES_MAX


def test_event_that_cannot_be_told_is_left_out() -> None:
    history = FeedHistory()
    for line in ("one", "\ud800", "two"):
        history.keep(event(1, line=line))
    assert [item["data"]["line"] for item in history.last(10)] == ["one", "two"]
