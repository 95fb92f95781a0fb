"""The emulator's callback sender: confirmation, envelope, repeats, magic words, parallel and kept connections."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.emulation import CallbackReceiver, EmulatorClient, running_emulator, running_receiver
from tests.services import wait_until

TOKEN = "token-7"


@pytest.fixture
def emulator() -> Iterator[EmulatorClient]:
    """An emulator whose repeats come 2000 times sooner: after 5, 90, 300 and 900 ms, then 1.8 s."""
    with running_emulator(rate_limit=0, time_scale=0.0005) as running:
        running.community(7, TOKEN, confirmation="c0de")
        yield running


@pytest.fixture
def receiver() -> Iterator[CallbackReceiver]:
    with running_receiver("c0de") as running:
        yield running


def connect(emulator: EmulatorClient, receiver: CallbackReceiver, **more: object) -> Any:
    """Set up the receiver for new messages only, or as ``more`` has it."""
    order = {"group_id": 7, "url": receiver.url, "secret": "s3cret", "events": ["message_new"]}
    return emulator.order("callback", order | more)


def delivery(emulator: EmulatorClient) -> dict[str, Any]:
    """Return the last delivery's entry, when it is settled."""
    wait_until(lambda: emulator.read("deliveries")["deliveries"][-1]["outcome"] != "pending", timeout_s=10)
    last: dict[str, Any] = emulator.read("deliveries")["deliveries"][-1]
    return last


def servers(emulator: EmulatorClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = emulator.call("groups.getCallbackServers", TOKEN, group_id=7)["response"]["items"]
    return found


def test_an_event_has_vks_envelope(emulator: EmulatorClient, receiver: CallbackReceiver) -> None:
    assert connect(emulator, receiver)["status"] == "ok"
    said = emulator.say(200_000_000_123, 7, "привет")
    told = delivery(emulator)
    confirmation, event = receiver.of_kind("confirmation")[0], receiver.of_kind("message_new")[0]
    assert confirmation["secret"] == "s3cret"
    assert confirmation["group_id"] == 7
    assert event["secret"] == "s3cret"
    assert event["v"] == "5.199"
    assert re.fullmatch("[0-9a-f]{40}", event["event_id"])
    assert event["event_id"] == said["event_id"] == told["event_id"]
    message = event["object"]["message"]
    assert (message["from_id"], message["peer_id"], message["text"]) == (200_000_000_123, 200_000_000_123, "привет")
    assert message["conversation_message_id"] == said["conversation_message_id"]
    assert message["id"] > 0
    assert (told["attempts"], told["statuses"], told["outcome"]) == (1, [200], "accepted")
    assert told["made_ms"] <= told["accepted_ms"]


def test_a_chats_message_has_no_id(emulator: EmulatorClient, receiver: CallbackReceiver) -> None:
    connect(emulator, receiver)
    chat = emulator.order("chats", {"communities": [7], "users": [1]})["chat_id"]
    emulator.say(1, 7, "/help", peer=chat)
    delivery(emulator)
    message = receiver.of_kind("message_new")[0]["object"]["message"]
    assert (message["id"], message["peer_id"], message["is_unavailable"]) == (0, 2_000_000_001, True)


def test_a_first_message_allows_and_is_told_before(emulator: EmulatorClient, receiver: CallbackReceiver) -> None:
    connect(emulator, receiver, events=["message_allow", "message_deny"])
    emulator.say(1, 7, "раз")
    emulator.say(1, 7, "два")
    emulator.order("allow", {"from_id": 1, "group_id": 7, "allowed": False})
    wait_until(lambda: receiver.of_kind("message_deny"))
    assert [event["object"] for event in receiver.of_kind("message_allow")] == [{"user_id": 1, "key": ""}]
    assert receiver.of_kind("message_new") == []


def test_a_wrong_confirmation_fails_the_server_and_its_events_are_dropped(emulator: EmulatorClient) -> None:
    with running_receiver("wrong") as receiver:
        assert connect(emulator, receiver)["status"] == "failed"
        emulator.say(1, 7, "привет")
        assert delivery(emulator)["outcome"].startswith("dropped")
        assert servers(emulator)[0]["status"] == "failed"
        assert len(receiver.events) == 1


def test_the_api_sets_up_a_server_that_gets_only_what_was_chosen(
    emulator: EmulatorClient, receiver: CallbackReceiver
) -> None:
    code = emulator.call("groups.getCallbackConfirmationCode", TOKEN, group_id=7)["response"]["code"]
    assert code == "c0de"
    place = {"group_id": 7, "url": receiver.url, "title": "salo", "secret_key": "s3cret"}
    server_id = emulator.call("groups.addCallbackServer", TOKEN, **place)["response"]["server_id"]
    wait_until(lambda: servers(emulator)[0]["status"] == "ok")
    chosen = {"group_id": 7, "server_id": server_id, "api_version": "5.199", "message_new": 1}
    emulator.say(1, 7, "мимо")
    assert emulator.call("groups.setCallbackSettings", TOKEN, **chosen)["response"] == 1
    assert emulator.call("groups.setCallbackSettings", TOKEN, **chosen | {"group_join": 0})["response"] == 1
    emulator.say(1, 7, "сюда")
    delivery(emulator)
    assert [event["object"]["message"]["text"] for event in receiver.of_kind("message_new")] == ["сюда"]
    flags = emulator.call("groups.getCallbackSettings", TOKEN, group_id=7, server_id=server_id)["response"]["events"]
    assert [name for name, value in flags.items() if value] == ["message_new"]
    assert emulator.call("groups.deleteCallbackServer", TOKEN, group_id=7, server_id=server_id)["response"] == 1
    assert emulator.call("groups.deleteCallbackServer", TOKEN, group_id=7, server_id=server_id)["error"]


def test_an_eleventh_server_and_long_names_are_refused(emulator: EmulatorClient, receiver: CallbackReceiver) -> None:
    def add(**more: object) -> Any:
        return emulator.call("groups.addCallbackServer", TOKEN, **{"group_id": 7, "url": receiver.url, **more})

    assert add(title="x" * 15)["error"]["error_code"] == 100
    assert add(secret_key="x" * 51)["error"]["error_code"] == 100
    assert all("response" in add() for _ in range(10))
    assert add()["error"]["error_code"] == 2000


def test_a_failed_event_comes_again_with_its_counter(emulator: EmulatorClient, receiver: CallbackReceiver) -> None:
    connect(emulator, receiver)
    receiver.answers = [(500, b"", {}), (200, b"ok\n", {}), (403, b"ok", {})]
    emulator.say(1, 7, "привет")
    told = delivery(emulator)
    assert receiver.retries[1:] == [None, "1", "2", "3"]
    assert told["statuses"] == [500, "200 but not ok", 403, 200]
    assert len({event["event_id"] for event in receiver.of_kind("message_new")}) == 1


def test_after_the_sixth_failure_the_event_is_given_up(emulator: EmulatorClient, receiver: CallbackReceiver) -> None:
    connect(emulator, receiver)
    receiver.answers = [(500, b"", {})] * 10
    emulator.say(1, 7, "привет")
    told = delivery(emulator)
    assert (told["outcome"], told["attempts"]) == ("given up", 6)


def test_retry_after_delays_the_repeat(emulator: EmulatorClient, receiver: CallbackReceiver) -> None:
    connect(emulator, receiver)
    receiver.answers = [(503, b"", {"Retry-After": "600"})]  # 0.3 s in scaled time, instead of 5 ms
    emulator.say(1, 7, "привет")
    told = delivery(emulator)
    assert told["statuses"] == [503, 200]
    assert told["accepted_ms"] - told["made_ms"] >= 290


def test_a_server_that_asks_is_removed_or_gets_another_version(
    emulator: EmulatorClient, receiver: CallbackReceiver
) -> None:
    connect(emulator, receiver)
    receiver.answers = [(200, b"version 5.131", {}), (200, b"remove", {})]
    emulator.say(1, 7, "раз")
    assert delivery(emulator)["outcome"] == "accepted"
    emulator.say(1, 7, "два")
    assert delivery(emulator)["outcome"] == "removed the server"
    assert [event["v"] for event in receiver.of_kind("message_new")] == ["5.199", "5.131"]
    assert servers(emulator) == []


def test_a_silent_server_is_given_up_after_the_timeout_and_tried_again(emulator: EmulatorClient) -> None:
    emulator.order("settings", {"timeout_s": 0.2})
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        emulator.order("callback", {"group_id": 7, "url": url, "confirm": False, "events": ["message_new"]})
        emulator.say(1, 7, "привет")
        wait_until(lambda: "timeout" in emulator.read("deliveries")["deliveries"][0]["statuses"])
    wait_until(lambda: emulator.read("deliveries")["deliveries"][0]["statuses"][-1] != "timeout")
    assert emulator.read("deliveries")["deliveries"][0]["statuses"][-1].startswith("Client")


def test_events_are_posted_in_parallel_over_kept_connections(emulator: EmulatorClient) -> None:
    emulator.order("settings", {"parallel": 16})
    with running_receiver("c0de", delay_s=0.05) as receiver:
        connect(emulator, receiver)
        began = time.monotonic()
        emulator.order("say", [{"from_id": 1, "group_id": 7, "text": str(number)} for number in range(160)])
        wait_until(lambda: len(receiver.of_kind("message_new")) == 160, timeout_s=20)
        assert time.monotonic() - began < 160 * 0.05 / 4, "one after another it would take 8 s"
        assert receiver.connections <= 17


def test_a_deliberate_duplicate_is_the_same_event(emulator: EmulatorClient, receiver: CallbackReceiver) -> None:
    connect(emulator, receiver)
    emulator.say(1, 7, "привет", copies=3)
    wait_until(lambda: len(receiver.of_kind("message_new")) == 3)
    assert len({event["event_id"] for event in receiver.of_kind("message_new")}) == 1


def test_any_event_can_be_posted_even_an_unknown_one(emulator: EmulatorClient, receiver: CallbackReceiver) -> None:
    connect(emulator, receiver, events=[])
    emulator.order("event", {"group_id": 7, "type": "brand_new_thing", "object": {"x": [1]}})
    wait_until(lambda: receiver.of_kind("brand_new_thing"))
    assert receiver.of_kind("brand_new_thing")[0]["object"] == {"x": [1]}
