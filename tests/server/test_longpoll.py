"""Listeners by long poll: every event is kept once, whatever VK, the storage and the listeners themselves do."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from db import keys
from db.accept import Outcome
from db.errors import StorageUnavailable
from engine.vk.errors import VkError, VkUnavailable
from server.callback.event import BadEvent
from server.callback.wire import Wire
from server.longpoll import listener as listener_module
from server.longpoll.keeping import BotGone, Keeping, event_of
from server.longpoll.pace import pause_s
from tests.emulation import EmulatorClient, running_emulator
from tests.server.longpoll_desk import GROUP, ListeningDesk, listening_desk
from tests.services import RedisService, wait_until


@pytest.fixture
def emulator() -> Iterator[EmulatorClient]:
    with running_emulator() as running:
        yield running


@pytest.fixture
def desk(
    redis_service: RedisService, clean_redis: redis.Redis, storage_settings: Path, emulator: EmulatorClient
) -> ListeningDesk:
    return listening_desk(redis_service, clean_redis, storage_settings, emulator)


def polls(desk: ListeningDesk) -> int:
    return int(desk.order()["polls"])


def has_heard_all(desk: ListeningDesk) -> bool:
    """Say whether the bot's listener stands at the newest event."""
    return desk.standing().place == str(desk.order()["last"])


def test_long_poll_is_switched_on_and_events_come(desk: ListeningDesk) -> None:
    with desk.listening():
        wait_until(lambda: polls(desk) == 1, 15)
        assert set(desk.order()["events"]) >= {"message_new", "message_event", "message_allow", "group_join"}
        for number in range(5):
            desk.say(f"раз {number}")
        wait_until(lambda: len(desk.texts()) == 5, 15)
    assert desk.texts() == [f"раз {number}" for number in range(5)], "in order"
    assert desk.standing().place == str(desk.order()["last"])
    assert desk.client.get(keys.long_poll_lease("anna")) is None, "given back"


def test_a_new_listener_goes_on_where_the_last_one_stood(desk: ListeningDesk) -> None:
    with desk.listening():
        wait_until(lambda: polls(desk) == 1, 15)
        desk.say("до")
        wait_until(lambda: desk.texts() == ["до"], 15)
    desk.say("пока никто не слушал")
    with desk.listening("another:longpoll"):
        wait_until(lambda: desk.texts() == ["до", "пока никто не слушал"], 15)


def test_a_key_that_ran_out_loses_nothing(desk: ListeningDesk) -> None:
    with desk.listening():
        wait_until(lambda: polls(desk) == 1, 15)
        desk.order(expire=True)
        desk.say("после")
        wait_until(lambda: desk.texts() == ["после"], 15)


def test_a_history_that_vk_forgot_is_told_and_later_events_come(
    desk: ListeningDesk, caplog: pytest.LogCaptureFixture
) -> None:
    with desk.listening():
        wait_until(lambda: polls(desk) == 1, 15)
    desk.say("последнее, что слышал прежний")  # whose poll is still under way
    wait_until(lambda: has_heard_all(desk) and polls(desk) == 0, 15)
    for number in range(3):
        desk.say(f"забытое {number}")
    desk.order(forget=1000)
    with desk.listening():
        wait_until(lambda: polls(desk) == 1, 15)
        desk.say("новое")
        wait_until(lambda: desk.texts()[-1] == "новое", 15)
    assert "events lost by long poll bot=anna" in caplog.text


def test_events_wait_for_redis_and_the_place_is_not_left(desk: ListeningDesk) -> None:
    with desk.listening():
        wait_until(lambda: polls(desk) == 1, 15)
        desk.client.config_set(
            "maxmemory", 1_000_000
        )  # more than that is in use: what is accepted could not be settled
        try:
            desk.say("когда тесно")
            wait_until(lambda: polls(desk) == 0, 15)
            assert desk.texts() == []
        finally:
            desk.client.config_set("maxmemory", 0)
        wait_until(lambda: desk.texts() == ["когда тесно"], 30)


def test_an_event_told_twice_or_by_both_transports_is_kept_once(desk: ListeningDesk) -> None:
    desk.emulator.order("transports", {"group_id": GROUP, "longpoll_twice": 1.0, "seed": 1})
    with desk.listening():
        wait_until(lambda: polls(desk) == 1, 15)
        desk.say("один раз")
        wait_until(lambda: has_heard_all(desk) and desk.texts(), 15)
    assert desk.texts() == ["один раз"]


def test_a_deaf_session_is_renewed(desk: ListeningDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener_module, "SILENCE_S", 0.5)
    monkeypatch.setattr("server.longpoll.session.WAIT_S", 1)
    with desk.listening():
        wait_until(lambda: polls(desk) == 1, 15)
        desk.order(mute=True)
        desk.say("не слышно")
        wait_until(lambda: desk.texts() == ["не слышно"], 30)


def test_a_refused_token_is_told_and_tried_again_with_the_new_one(desk: ListeningDesk) -> None:
    desk.emulator.order("revoke", {"group_id": GROUP})
    with desk.listening():
        wait_until(lambda: "5" in desk.standing().trouble, 15)
        desk.emulator.order("communities", {"group_id": GROUP, "token": "another"})
        desk.store.set_config(desk.bot, token="another")
        wait_until(lambda: polls(desk) == 1, 15)
        desk.say("снова")
        wait_until(lambda: desk.texts() == ["снова"] and not desk.standing().trouble, 15)


def test_a_bot_that_goes_back_to_callbacks_is_listened_for_no_more(desk: ListeningDesk) -> None:
    with desk.listening() as service:
        wait_until(lambda: polls(desk) == 1, 15)
        desk.store.set_transport("anna", "callback")
        wait_until(lambda: not service._running, 15)
        assert desk.standing().place == ""


def test_two_hosts_listen_once(desk: ListeningDesk) -> None:
    with desk.listening("one:longpoll"):
        wait_until(lambda: polls(desk) == 1, 15)
        with desk.listening("two:longpoll") as second:
            desk.say("раз")
            wait_until(lambda: desk.texts() == ["раз"], 15)
            assert not second._running and polls(desk) <= 1


def test_a_press_is_kept_once_whatever_its_event_is_called(desk: ListeningDesk) -> None:
    keeping = Keeping(Wire(desk.settings), 1000)
    press = {"user_id": 1, "peer_id": 1, "event_id": "b483", "payload": {}, "conversation_message_id": 4}
    raw = {"type": "message_event", "group_id": GROUP, "event_id": "one", "object": press}
    outcomes = []
    for event_id in ("one", "two"):
        event = event_of({**raw, "event_id": event_id}, GROUP)
        assert event is not None
        outcomes.append(keeping.keep("anna", event))
    assert outcomes == [Outcome.ACCEPTED, Outcome.SEEN]


def test_a_bot_that_was_removed_gets_no_inbox(desk: ListeningDesk) -> None:
    keeping = Keeping(Wire(desk.settings), 1000)
    desk.store.remove("anna")
    event = event_of({"type": "group_join", "group_id": GROUP, "event_id": "e", "object": {"user_id": 1}}, GROUP)
    assert event is not None
    with pytest.raises(BotGone):
        keeping.keep("anna", event)
    assert not desk.client.exists(keys.inbox("anna"))


def test_what_is_no_event_of_the_community_is_refused() -> None:
    deep: dict[str, object] = {}
    for _ in range(100_000):
        deep = {"a": deep}
    for raw in [{}, {"type": "message_new", "group_id": 7}, {"type": "message_new", "group_id": GROUP, "object": deep}]:
        with pytest.raises(BadEvent):
            event_of(raw, GROUP)


def test_half_a_character_costs_no_event() -> None:
    message = {"peer_id": 1, "from_id": 1, "conversation_message_id": 3, "text": "a\ud83d"}
    raw = {"type": "message_new", "group_id": GROUP, "event_id": "e", "object": {"message": message}}
    event = event_of(raw, GROUP)
    assert event is not None and "a\ufffd".encode() in event.envelope


def test_pauses_grow_and_are_long_where_asking_makes_it_worse() -> None:
    dice = random.Random(1)
    network = [pause_s(VkUnavailable("x"), failures, dice) for failures in range(1, 12)]
    assert network[0] < 1 and max(network) <= 36
    assert all(60 <= pause_s(VkError(5, "x"), failures, dice) <= 72 for failures in (1, 5, 50))
    assert pause_s(VkError(29, "x"), 1, dice) >= 300 and pause_s(VkError(29, "x"), 99, dice) <= 4320
    assert pause_s(StorageUnavailable("x"), 1000, dice) <= 36
