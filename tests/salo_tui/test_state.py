"""What the terminal knows, as values: snapshots, events, gaps."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.protocol import BotInfo, Health, PlatformEvent, PlatformSnapshot, ProcessInfo, TickerInfo
from salo_tui.state import EVENTS_KEPT, NotUnderstood, State, applied, asked, begun, renewed


def bot(name: str, lane: str = "running", waiting: int = 0) -> BotInfo:
    return BotInfo(name, 1, 77, "main", True, lane, waiting, 0, {"done": waiting})  # type: ignore[arg-type]


def process(name: str, state: str = "running") -> ProcessInfo:
    return ProcessInfo("redis", name, 7, state, 0, 1.0, 1)  # type: ignore[arg-type]


def snapshot(*parts: BotInfo | ProcessInfo) -> dict[str, Any]:
    bots = [part for part in parts if isinstance(part, BotInfo)]
    processes = [part for part in parts if isinstance(part, ProcessInfo)]
    return PlatformSnapshot({"pid": 1}, bots, processes).as_json()


def ticker(name: str, bot: str = "", state: str = "waiting") -> TickerInfo:
    return TickerInfo(name, bot, 60.0, state)  # type: ignore[arg-type]


def event(seq: int, topic: str, **data: Any) -> PlatformEvent:
    return PlatformEvent(seq, topic, 1000 + seq, data)


START = begun(State(), 10, snapshot(bot("anna", waiting=3), process("redis")))


def test_snapshot_is_what_is_known() -> None:
    assert START.bots == {"anna": bot("anna", waiting=3)} and START.processes == {"redis": process("redis")}
    assert START.platform == {"pid": 1} and START.seq == 10 and not START.is_stale


def test_events_in_order_change_what_they_tell_of() -> None:
    state = applied(START, event(11, "process", **asdict(process("redis", "backoff"))))
    state = applied(state, event(12, "process", **asdict(process("mariadb", "starting"))))
    state = applied(state, event(13, "bot", bot="anna", lane="elsewhere"))
    assert state.processes["redis"].state == "backoff" and list(state.processes) == ["redis", "mariadb"]
    assert state.bots["anna"] == bot("anna", "elsewhere", 3)
    assert state.seq == 13 and not state.is_stale
    assert START.processes["redis"].state == "running", "a state is never changed"


def test_health_and_lamps_are_values_and_tickers_are_known_by_name_and_bot() -> None:
    ill = replace(bot("anna"), health=Health("bad", "the token was revoked", 12.5, 99))
    lamps = {"redis": Health("ok", "", 0.4, 7), "mariadb": Health("warn", "slow")}
    tickers = [ticker("storage_health"), ticker("bot_health", "anna")]
    state = begun(State(), 10, PlatformSnapshot({"pid": 1, "lamps": lamps}, [ill], [], tickers, 10).as_json())
    assert state.bots["anna"] == ill and state.lamps == lamps and state.platform == {"pid": 1}
    assert (
        list(state.tickers) == ["storage_health", "bot_health@anna"] and state.tickers["bot_health@anna"].bot == "anna"
    )
    lost = event(11, "bot", bot="anna", lane="elsewhere")
    assert applied(state, lost).bots["anna"].health == ill.health


def test_event_of_a_ticker_changes_it_alone() -> None:
    state = begun(State(), 10, PlatformSnapshot({}, [], [], [ticker("a"), ticker("a", "anna")]).as_json())
    state = applied(state, event(11, "ticker", **asdict(ticker("a", "anna", "running")), mood="newer"))
    state = applied(state, event(12, "ticker", **asdict(ticker("b"))))
    assert {key: info.state for key, info in state.tickers.items()} == {
        "a": "waiting", "a@anna": "running", "b": "waiting",
    }  # fmt: skip


def test_snapshot_that_has_seen_an_event_is_not_undone_by_it() -> None:
    """The snapshot came after the event 11, and knows what happened since without an event for it yet."""
    died = event(11, "process", **asdict(process("redis", "failed")))
    back = event(12, "process", **asdict(process("redis", "starting")))
    now = {**snapshot(process("redis", "running")), "seq": 11}
    assert renewed(asked(START), now, [died]).processes["redis"].state == "running"
    assert renewed(asked(START), now, [died, back]).processes["redis"].state == "starting"


@pytest.mark.parametrize("topic", ["event", "log"])
@pytest.mark.parametrize("seq", [9, 10, 12, 400])
def test_gap_in_the_numbers_makes_it_stale_until_a_snapshot(topic: str, seq: int) -> None:
    state = applied(START, event(seq, topic))
    assert state.is_stale and applied(state, event(seq + 1, topic)).is_stale
    after = renewed(asked(state), snapshot(), [])
    assert not after.is_stale and not applied(after, event(seq + 1, topic)).is_stale


def test_dropped_events_are_counted_and_make_it_stale() -> None:
    state = applied(START, event(17, "dropped", count=7))
    assert state.is_stale and state.missed == 7 and state.seq == 17
    assert applied(state, event(18, "dropped", count=2)).missed == 9


def test_what_is_missed_while_a_snapshot_is_on_its_way_needs_another_one() -> None:
    state = applied(asked(applied(START, event(15, "log"))), event(20, "dropped", count=4))
    assert renewed(state, snapshot(), []).is_stale


def test_unknown_bot_needs_a_snapshot() -> None:
    state = applied(START, event(11, "bot", bot="vera", lane="running"))
    assert state.is_stale and "vera" not in state.bots


def test_event_that_came_meanwhile_is_not_undone_by_an_older_snapshot() -> None:
    died = event(11, "process", **asdict(process("redis", "failed")))
    state = renewed(applied(asked(START), died), snapshot(process("redis", "running")), [died])
    assert state.processes["redis"].state == "failed" and len(state.events) == 1


def test_last_events_are_kept_without_log_lines() -> None:
    state = START
    for seq in range(11, 11 + 2 * EVENTS_KEPT, 2):
        state = applied(applied(state, event(seq, "event", step="done")), event(seq + 1, "log", line="x"))
    state = applied(state, event(state.seq + 1, "event", step="last"))
    assert len(state.events) == EVENTS_KEPT and state.events[-1].data == {"step": "last"}
    assert all(kept.topic == "event" for kept in state.events) and not state.is_stale


def test_new_subscription_keeps_the_last_events_only() -> None:
    state = begun(applied(START, event(11, "event", step="done")), 3, snapshot(bot("vera")))
    assert list(state.bots) == ["vera"] and not state.processes and state.seq == 3 and len(state.events) == 1


def test_field_of_a_newer_platform_is_left_out_and_a_missing_one_refused() -> None:
    raw = snapshot(bot("anna"))
    raw["bots"][0]["mood"] = "good"
    assert begun(State(), 1, raw).bots["anna"] == bot("anna")
    del raw["bots"][0]["base"]
    bad_lamp = {**snapshot(), "platform": {"lamps": {"redis": {"text": "no state"}}}}
    for broken in (raw, {"platform": {}}, bad_lamp):
        with pytest.raises(NotUnderstood, match="another version"):
            begun(State(), 1, broken)


_STATES = st.sampled_from(["running", "backoff", "failed"])


@given(st.lists(st.tuples(st.sampled_from("ab"), _STATES), max_size=12), st.data())
def test_any_snapshot_within_any_events_ends_at_the_truth(told: list[tuple[str, str]], data: st.DataObject) -> None:
    """A snapshot taken after some of the events, asked for earlier and arriving later: the end is as it is there."""
    tells_its_number = data.draw(st.booleans())
    asked_at = data.draw(st.integers(0, len(told)))
    taken = data.draw(st.integers(asked_at, len(told)))
    arrives = data.draw(st.integers(taken, len(told)))
    events = [event(seq, "process", **asdict(process(*one))) for seq, one in enumerate(told, 11)]
    seen = {"redis": "running", **dict(told[:taken])}
    state = START
    for place in range(len(events) + 1):
        if place == asked_at:
            state = asked(state)
        if place == arrives:
            parts = [process(name, how) for name, how in seen.items()]
            now = {**snapshot(*parts), "seq": 10 + taken if tells_its_number else 0}
            state = renewed(state, now, events[asked_at:arrives])
        if place < len(events):
            state = applied(state, events[place])
    assert {name: info.state for name, info in state.processes.items()} == {"redis": "running", **dict(told)}
    assert not state.is_stale
