"""``messages.send`` of the emulator: who gets a message, what comes back, and what a ``random_id`` prevents."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.emulation import EmulatorClient, running_emulator, running_receiver
from tests.services import wait_until

TOKEN, OTHER = "token-7", "token-8"
ANNA = 200_000_000_123  # a user id of the new, large kind


@pytest.fixture
def emulator() -> Iterator[EmulatorClient]:
    with running_emulator(rate_limit=0) as running:
        running.community(7, TOKEN, screen_name="seven_bot")
        running.community(8, OTHER)
        yield running


@pytest.fixture
def chat(emulator: EmulatorClient) -> int:
    """A chat with both bots; the second knows it by another number, since it is in one more."""
    emulator.order("chats", {"communities": [8], "users": [5]})
    made = emulator.order("chats", {"communities": [7, 8], "users": [1, 2], "title": "Двор"})
    assert made["peers"] == {"7": 2_000_000_001, "8": 2_000_000_002}
    return int(made["chat_id"])


def send(emulator: EmulatorClient, token: str = TOKEN, **params: object) -> Any:
    """Send and return the response, or the error's code and text."""
    answer = emulator.call("messages.send", token, **{"random_id": 0, "message": "привет", **params})
    return answer["response"] if "response" in answer else (answer["error"]["error_code"], answer["error"]["error_msg"])


def code(answer: Any) -> int:
    assert isinstance(answer, tuple), answer
    return int(answer[0])


def test_a_private_message_gets_an_id_and_is_listed(emulator: EmulatorClient) -> None:
    said = emulator.say(ANNA, 7, "кто тут?")
    assert said["peer_id"] == ANNA
    message_id = send(emulator, peer_id=ANNA, random_id=11)
    [entry] = emulator.sent()
    assert message_id > 0
    assert (entry["peer_id"], entry["group_id"], entry["random_id"]) == (ANNA, 7, 11)
    assert (entry["text"], entry["message_id"]) == ("привет", message_id)
    assert entry["conversation_message_id"] == said["conversation_message_id"] + 1


def test_a_chat_by_peer_id_gives_zero_and_by_peer_ids_the_number(emulator: EmulatorClient, chat: int) -> None:
    said = emulator.say(1, 7, "эй", peer=chat)
    assert send(emulator, peer_id=2_000_000_001) == 0
    assert send(emulator, chat_id=1) == 0
    [item] = send(emulator, peer_ids="2000000001")
    assert item["message_id"] == 0
    assert item["conversation_message_id"] == said["conversation_message_id"] + 3


def test_a_chat_has_another_number_for_each_community_but_one_count(emulator: EmulatorClient, chat: int) -> None:
    said = emulator.say(1, 8, "всем", peer=chat)
    heard = {event["group_id"]: event for event in said["events"]}
    assert said["peer_id"] == heard[8]["peer_id"] == 2_000_000_002
    assert heard[7]["peer_id"] == 2_000_000_001
    assert heard[7]["conversation_message_id"] == heard[8]["conversation_message_id"]
    assert heard[7]["event_id"] != heard[8]["event_id"]


def test_peer_ids_tells_each_ones_fate(emulator: EmulatorClient) -> None:
    emulator.say(1, 7, "да")
    items = send(emulator, peer_ids="1,2,2000000009")
    assert "error" not in items[0]
    assert items[1]["error"]["code"] == 901
    assert items[2]["error"]["code"] == 917


def test_a_reply_in_a_chat_goes_by_forward_and_nulls_are_let_pass(emulator: EmulatorClient, chat: int) -> None:
    said = emulator.say(1, 7, "эй", peer=chat)
    cmid = said["conversation_message_id"]
    forward = {"peer_id": 2_000_000_001, "conversation_message_ids": [cmid], "is_reply": True, "message_ids": None}
    send(emulator, peer_ids="2000000001", forward=json.dumps(forward))
    assert emulator.sent()[0]["reply_to"] == cmid
    assert send(emulator, peer_id=2_000_000_001, reply_to=cmid) == (
        100,
        "One of the parameters specified was missing or invalid: reply_to have to be message from same chat",
    )
    two = forward | {"conversation_message_ids": [cmid, cmid]}
    assert code(send(emulator, peer_id=2_000_000_001, forward=json.dumps(two))) == 100
    elsewhere = forward | {"peer_id": 2_000_000_002}
    assert code(send(emulator, peer_id=2_000_000_001, forward=json.dumps(elsewhere))) == 100


def test_a_refused_message_leaves_nothing_behind(emulator: EmulatorClient, chat: int) -> None:
    lost = {"peer_id": 2_000_000_001, "conversation_message_ids": [77], "is_reply": True}
    assert code(send(emulator, peer_id=2_000_000_001, forward=json.dumps(lost), random_id=5)) == 921
    assert emulator.say(1, 7, "эй", peer=chat)["conversation_message_id"] == 1
    assert emulator.sent() == []


def test_a_repeated_random_id_makes_nothing_and_gives_the_first_id(emulator: EmulatorClient) -> None:
    emulator.say(1, 7, "да")
    emulator.say(2, 7, "да")
    first = send(emulator, peer_id=1, random_id=9)
    assert send(emulator, peer_id=1, random_id=9, message="иначе") == first
    assert send(emulator, peer_id=2, random_id=9) != first, "the memory is each conversation's own"
    listed = emulator.read("sent")
    assert [entry["duplicates"] for entry in listed["sent"]] == [1, 0]
    assert listed["suppressed"] == 1


def test_random_id_zero_is_never_a_repeat(emulator: EmulatorClient) -> None:
    emulator.say(1, 7, "да")
    assert send(emulator, peer_id=1) != send(emulator, peer_id=1)


def test_a_random_id_is_each_communitys_own_in_a_chat(emulator: EmulatorClient, chat: int) -> None:
    send(emulator, peer_id=2_000_000_001, random_id=3)
    send(emulator, OTHER, peer_id=2_000_000_002, random_id=3)
    assert len(emulator.sent()) == 2


def test_a_random_id_is_forgotten_after_a_hundred_messages(emulator: EmulatorClient) -> None:
    emulator.say(1, 7, "да")
    send(emulator, peer_id=1, random_id=9)
    emulator.order("say", [{"from_id": 1, "group_id": 7, "text": "ещё"}] * 99)
    send(emulator, peer_id=1, random_id=9)
    assert len(emulator.sent()) == 1
    emulator.say(1, 7, "сотое")
    send(emulator, peer_id=1, random_id=9)
    assert len(emulator.sent()) == 2


def test_a_random_id_is_forgotten_when_its_hour_is_over(emulator: EmulatorClient) -> None:
    emulator.say(1, 7, "да")
    send(emulator, peer_id=1, random_id=9)
    emulator.order("settings", {"random_id_memory_s": 0})
    send(emulator, peer_id=1, random_id=9)
    assert len(emulator.sent()) == 2


def test_who_may_not_be_written_to(emulator: EmulatorClient) -> None:
    emulator.order("users", {"id": 3, "first_name": "А", "last_name": "Б", "deactivated": "banned"})
    assert code(send(emulator, peer_id=1)) == 901
    assert code(send(emulator, peer_id=3)) == 18
    assert code(send(emulator, peer_id=-8)) == 932
    assert code(send(emulator, peer_id=2_000_000_001)) == 917
    emulator.say(1, 7, "да")
    emulator.order("allow", {"from_id": 1, "group_id": 7, "allowed": False})
    assert code(send(emulator, peer_id=1)) == 901
    emulator.order("allow", {"from_id": 1, "group_id": 7, "allowed": False, "refusal": 900})
    assert code(send(emulator, peer_id=1)) == 900
    emulator.order("allow", {"from_id": 1, "group_id": 7, "allowed": True})
    assert send(emulator, peer_id=1) > 0


def test_a_bot_that_was_put_out_of_a_chat_gets_917(emulator: EmulatorClient, chat: int) -> None:
    emulator.order("chats", {"chat_id": chat, "remove": [-7]})
    assert code(send(emulator, peer_id=2_000_000_001)) == 917
    assert send(emulator, OTHER, peer_id=2_000_000_002) == 0


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"message": "я" * 4097}, 914),
        ({"message": ""}, 100),
        ({"attachment": "photo1"}, 100),
        ({"random_id": "x"}, 100),
        ({"payload": "x" * 1001}, 100),
        ({"keyboard": "{"}, 911),
        ({"keyboard": json.dumps({"buttons": [[{"action": {"type": "text", "label": ""}}]]})}, 911),
        ({"keyboard": json.dumps({"buttons": [[{"action": {"type": "text", "label": "а"}}] * 6]})}, 911),
        ({"keyboard": json.dumps({"buttons": [[{"action": {"type": "text", "label": "а"}}]] * 11})}, 911),
        (
            {"keyboard": json.dumps({"buttons": [[{"action": {"type": "text", "label": "а", "payload": None}}]]})},
            911,
        ),
    ],
)
def test_what_may_not_be_sent(emulator: EmulatorClient, params: dict[str, Any], expected: int) -> None:
    emulator.say(1, 7, "да")
    assert code(send(emulator, peer_id=1, **params)) == expected
    assert emulator.sent() == []


def test_a_fault_of_a_keyboard_is_named(emulator: EmulatorClient) -> None:
    emulator.say(1, 7, "да")
    keyboard = {"buttons": [[{"action": {"type": "text", "label": ""}, "color": "primary"}]]}
    assert send(emulator, peer_id=1, keyboard=json.dumps(keyboard)) == (
        911,
        "Keyboard format is invalid: button [0][0] label should be at least 1 letters length",
    )


def test_a_missing_recipient_or_random_id_is_told_as_vk_does(emulator: EmulatorClient) -> None:
    start = "One of the parameters specified was missing or invalid: "
    assert send(emulator) == (100, start + "you should specify peer_id, user_id, domain, chat_id or user_ids param")
    answer = emulator.call("messages.send", TOKEN, peer_id=1, message="а")
    assert answer["error"]["error_msg"] == start + "random_id is a required parameter"


def test_a_full_message_of_4096_characters_a_keyboard_and_attachments_pass(emulator: EmulatorClient) -> None:
    emulator.say(1, 7, "да")
    keyboard = {
        "inline": True,
        "buttons": [[{"action": {"type": "callback", "label": "Да", "payload": '{"a":1}'}, "color": "positive"}]],
    }
    send(emulator, peer_id=1, message="я" * 4096, keyboard=json.dumps(keyboard), attachment="photo-1_2_key,doc3_4")
    [entry] = emulator.sent()
    assert entry["keyboard"] == keyboard
    assert entry["attachment"] == "photo-1_2_key,doc3_4"


def test_an_own_private_message_comes_back_as_message_reply_and_a_chats_does_not(
    emulator: EmulatorClient, chat: int
) -> None:
    with running_receiver() as receiver:
        emulator.order("callback", {"group_id": 7, "url": receiver.url, "confirm": False})
        emulator.say(1, 7, "да")
        emulator.say(1, 7, "да", peer=chat)
        send(emulator, peer_id=2_000_000_001)
        send(emulator, peer_id=1, random_id=4)
        wait_until(lambda: receiver.of_kind("message_reply"))
        [reply] = receiver.of_kind("message_reply")
    assert reply["object"]["out"] == 1
    assert (reply["object"]["from_id"], reply["object"]["peer_id"], reply["object"]["random_id"]) == (-7, 1, 4)


def test_a_sent_message_can_be_edited_fetched_and_deleted(emulator: EmulatorClient) -> None:
    emulator.say(1, 7, "да")
    send(emulator, peer_id=1)
    assert emulator.call("messages.edit", TOKEN, peer_id=1, cmid=2, message="иначе")["response"] == 1
    fetched = emulator.call("messages.getByConversationMessageId", TOKEN, peer_id=1, conversation_message_ids="2,9")
    assert [item["text"] for item in fetched["response"]["items"]] == ["иначе"]
    assert emulator.call("messages.edit", TOKEN, peer_id=1, cmid=1, message="чужое")["error"]["error_code"] == 920
    deleted = emulator.call("messages.delete", TOKEN, peer_id=1, cmids="2")["response"]
    assert deleted[0]["response"] == 1
    assert emulator.call("messages.getHistory", TOKEN, peer_id=1)["response"]["count"] == 1


def test_a_pressed_button_is_answered_once(emulator: EmulatorClient) -> None:
    emulator.say(1, 7, "да")
    pressed = emulator.order("press", {"from_id": 1, "group_id": 7, "payload": {"a": 1}, "conversation_message_id": 1})
    answer = {"event_id": pressed["press_id"], "user_id": 1, "peer_id": 1, "event_data": '{"type":"show_snackbar"}'}
    assert emulator.call("messages.sendMessageEventAnswer", TOKEN, **answer)["response"] == 1
    again = emulator.call("messages.sendMessageEventAnswer", TOKEN, **answer)["error"]
    assert (again["error_code"], again["error_msg"].endswith("invalid event_id")) == (100, True)
    [told] = emulator.read("answers")["answers"]
    assert told["event_data"] == {"type": "show_snackbar"}


def test_only_an_admin_sees_the_members(emulator: EmulatorClient, chat: int) -> None:
    peer = 2_000_000_001
    assert emulator.call("messages.getConversationMembers", TOKEN, peer_id=peer)["error"]["error_code"] == 917
    assert emulator.call("messages.getConversationsById", TOKEN, peer_ids=peer)["response"]["count"] == 0
    emulator.order("chats", {"chat_id": chat, "admins": [-7]})
    members = emulator.call("messages.getConversationMembers", TOKEN, peer_id=peer)["response"]
    assert {item["member_id"] for item in members["items"]} == {1, 2, -7, -8}
    assert emulator.call("messages.removeChatUser", TOKEN, chat_id=1, user_id=2)["response"] == 1
    [conversation] = emulator.call("messages.getConversationsById", TOKEN, peer_ids=peer)["response"]["items"]
    assert conversation["chat_settings"]["members_count"] == 3
