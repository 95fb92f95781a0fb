"""Callback and long poll side by side: the same events on both, but for what was ordered to differ."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.emulation import CallbackReceiver, EmulatorClient, running_emulator, running_receiver
from tests.services import wait_until

TOKEN = "token-7"


@pytest.fixture
def receiver() -> Iterator[CallbackReceiver]:
    with running_receiver("c0de") as running:
        yield running


@pytest.fixture
def emulator(receiver: CallbackReceiver) -> Iterator[EmulatorClient]:
    with running_emulator(rate_limit=0, time_scale=0.0005) as running:
        running.community(7, TOKEN, confirmation="c0de")
        running.order("callback", {"group_id": 7, "url": receiver.url, "events": ["message_new"]})
        running.order("longpoll", {"group_id": 7, "enabled": True, "events": ["message_new"]})
        yield running


def say(emulator: EmulatorClient, count: int) -> list[str]:
    said = emulator.order("say", [{"from_id": 1, "group_id": 7, "text": str(number)} for number in range(count)])
    return [event["event_id"] for event in said]


def polled(emulator: EmulatorClient) -> list[dict[str, Any]]:
    place = emulator.call("groups.getLongPollServer", TOKEN, group_id=7)["response"]
    found: list[dict[str, Any]] = emulator.poll(**place | {"ts": 0})["updates"]
    return found


def posted(emulator: EmulatorClient, receiver: CallbackReceiver) -> list[dict[str, Any]]:
    """Return what callback brought, when all of it is there."""
    wait_until(lambda: emulator.read("deliveries", outcome="pending")["deliveries"] == [])
    return receiver.of_kind("message_new")


def ids(events: list[dict[str, Any]]) -> list[str]:
    return [event["event_id"] for event in events]


def test_both_bring_the_same_events_with_the_same_ids(emulator: EmulatorClient, receiver: CallbackReceiver) -> None:
    said = say(emulator, 5)
    assert ids(polled(emulator)) == said
    assert sorted(ids(posted(emulator, receiver))) == sorted(said)
    log = [entry for entry in emulator.read("events")["events"] if entry["type"] == "message_new"]
    assert [entry["event_id"] for entry in log] == [entry["longpoll_event_id"] for entry in log] == said
    assert {(entry["callback"], entry["longpoll"], *entry["lost"]) for entry in log} == {(1, 1)}


def test_ids_may_be_ordered_to_differ(emulator: EmulatorClient, receiver: CallbackReceiver) -> None:
    emulator.order("transports", {"group_id": 7, "same_ids": False})
    said = say(emulator, 5)
    by_poll = polled(emulator)
    assert sorted(ids(posted(emulator, receiver))) == sorted(said)
    assert not set(ids(by_poll)) & set(said)
    numbers = [event["object"]["message"]["conversation_message_id"] for event in by_poll]
    assert numbers == [1, 2, 3, 4, 5], "the messages are the same"


def test_each_may_lose_events_and_never_brings_them(emulator: EmulatorClient, receiver: CallbackReceiver) -> None:
    emulator.order("transports", {"group_id": 7, "callback_loss": 0.4, "longpoll_loss": 0.4, "seed": 5})
    said = say(emulator, 60)
    by_poll, by_callback = set(ids(polled(emulator))), set(ids(posted(emulator, receiver)))
    log = {entry["event_id"]: entry for entry in emulator.read("events")["events"] if entry["type"] == "message_new"}
    assert by_callback == {number for number in said if "callback" not in log[number]["lost"]}
    assert by_poll == {number for number in said if "longpoll" not in log[number]["lost"]}
    assert 10 < len(by_callback) < 60
    assert 10 < len(by_poll) < 60
    assert by_callback != by_poll


def test_a_seed_repeats_what_is_lost_and_what_comes_twice(emulator: EmulatorClient) -> None:
    twist = {"group_id": 7, "callback_loss": 0.3, "longpoll_loss": 0.3, "longpoll_twice": 0.3, "seed": 11}
    shapes = []
    say(emulator, 1)  # the first one allows, which is an event too
    for _ in range(2):
        emulator.order("transports", twist)
        say(emulator, 30)
        log = [entry for entry in emulator.read("events")["events"] if entry["type"] == "message_new"][-30:]
        shapes.append([(entry["callback"], entry["longpoll"]) for entry in log])
    assert shapes[0] == shapes[1]
    assert {0, 1, 2} <= {longpoll for _, longpoll in shapes[0]}


def test_a_repeated_event_has_the_same_id(emulator: EmulatorClient, receiver: CallbackReceiver) -> None:
    told = emulator.order("transports", {"group_id": 7, "callback_twice": 1, "longpoll_twice": 1})
    assert told["callback_twice"] == 1.0
    [said] = say(emulator, 1)
    assert ids(polled(emulator)) == [said, said]
    assert ids(posted(emulator, receiver)) == [said, said]
    emulator.order("transports", {"group_id": 7, "callback_twice": 0})
    emulator.say(1, 7, "ещё", copies=3)
    assert len(posted(emulator, receiver)) == 5
    assert len(polled(emulator)) == 6


def test_a_community_keeps_its_own_twist(emulator: EmulatorClient) -> None:
    emulator.community(8, "token-8")
    emulator.order("longpoll", {"group_id": 8, "enabled": True, "events": None})
    emulator.order("transports", {"group_id": 7, "longpoll_loss": 1})
    emulator.say(1, 7, "семь")
    emulator.say(1, 8, "восемь")
    assert polled(emulator) == []
    place = emulator.call("groups.getLongPollServer", "token-8", group_id=8)["response"]
    assert [update["type"] for update in emulator.poll(**place | {"ts": 0})["updates"]] == [
        "message_allow",
        "message_new",
    ]
