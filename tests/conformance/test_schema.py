"""What the emulator emits and answers is what VK's own schema says, less the schema's known errors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from server.emulator.errors import TEXTS
from server.emulator.events import EVENTS
from server.emulator.methods import METHODS, USER_ONLY
from tests.conformance.schema import check, check_answer, needs_schema, properties, schema
from tests.emulation import CallbackReceiver, EmulatorClient, running_emulator, running_receiver
from tests.services import wait_until

pytestmark = needs_schema
TOKEN = "token-7"
PEER = 2_000_000_001
KEYBOARD = {
    "inline": True,
    "buttons": [[{"action": {"type": "text", "label": "Да", "payload": '{"a":1}'}, "color": "secondary"}]],
}
ATTACHMENTS = "photo-1_2,video1_2,audio1_2,doc1_2_key,wall-1_2,market-1_2,poll1_2"
NOT_IN_SCHEMA = {983, 1012}  # known from the methods' pages only


@pytest.fixture(scope="module")
def receiver() -> Iterator[CallbackReceiver]:
    with running_receiver("c0de") as running:
        yield running


@pytest.fixture(scope="module")
def emulator(receiver: CallbackReceiver) -> Iterator[EmulatorClient]:
    """A community that is admin of one chat, where and in private something was said, answered and pressed."""
    with running_emulator(rate_limit=0) as running:
        running.community(7, TOKEN, confirmation="c0de", screen_name="seven_bot")
        running.order("users", {"id": 3, "first_name": "А", "last_name": "Б", "deactivated": "deleted"})
        running.order("callback", {"group_id": 7, "url": receiver.url, "secret": "s3cret"})
        chat = running.order("chats", {"communities": [7], "users": [1, 2, 3], "admins": [-7]})["chat_id"]
        running.say(1, 7, "@seven_bot привет", peer=chat)
        running.say(2, 7, "", peer=chat, action={"type": "chat_invite_user", "member_id": -7})
        running.say(1, 7, "лично", payload='{"command":"start"}')
        running.say(1, 7, "ответ", reply_to=1, forward=[1])
        forward = {"peer_id": PEER, "conversation_message_ids": [1], "is_reply": 1}
        for params in (
            {"peer_ids": PEER, "forward": json.dumps(forward)},
            {"peer_id": 1, "keyboard": json.dumps(KEYBOARD), "attachment": ATTACHMENTS},
        ):
            assert "response" in running.call("messages.send", TOKEN, random_id=0, message="да", **params)
        running.call("messages.edit", TOKEN, peer_id=1, cmid=3, message="иначе")
        running.order("press", {"from_id": 1, "group_id": 7, "payload": {"a": 1}})
        running.order("allow", {"from_id": 2, "group_id": 7, "allowed": False})
        yield running


def events(emulator: EmulatorClient, receiver: CallbackReceiver) -> list[dict[str, Any]]:
    made = emulator.read("deliveries")["last"]
    wait_until(lambda: len(receiver.events) >= made + 1)
    return receiver.events


OBJECTS = {
    "message_new": "callback_message_new",
    "message_reply": "callback_message",
    "message_edit": "callback_message",
    "message_allow": "callback_message_allow",
    "message_deny": "callback_message_deny",
    "message_event": "callback_message_event",
}


def test_every_event_fits_the_schema(emulator: EmulatorClient, receiver: CallbackReceiver) -> None:
    posted = events(emulator, receiver)
    assert {event["type"] for event in posted} == {*OBJECTS, "confirmation"}
    for event in posted:
        check(event, "callback_base")
        if event["type"] != "confirmation":
            check(event["object"], OBJECTS[event["type"]])


def test_a_message_has_what_the_schema_requires_and_nothing_unknown(
    emulator: EmulatorClient, receiver: CallbackReceiver
) -> None:
    events(emulator, receiver)
    for event in receiver.of_kind("message_new"):
        message = event["object"]["message"]
        assert set(message) <= properties("callback_message")
        assert {"id", "version", "out", "conversation_message_id"} <= set(message)
        assert set(event["object"]) == properties("callback_message_object")


CALLS: list[tuple[str, dict[str, object]]] = [
    ("users.get", {"user_ids": "1,3", "fields": "screen_name,domain"}),
    ("users.get", {"user_ids": "77"}),
    ("utils.resolveScreenName", {"screen_name": "seven_bot"}),
    ("utils.getServerTime", {}),
    ("groups.getById", {}),
    ("groups.getMembers", {}),
    ("groups.getMembers", {"fields": "screen_name"}),
    ("groups.isMember", {"user_id": 1}),
    ("groups.isMember", {"user_ids": "1,2"}),
    ("groups.getTokenPermissions", {}),
    ("groups.getLongPollServer", {"group_id": 7}),
    ("groups.getCallbackConfirmationCode", {"group_id": 7}),
    ("groups.getCallbackServers", {"group_id": 7}),
    ("groups.getCallbackSettings", {"group_id": 7, "server_id": 1}),
    ("groups.setCallbackSettings", {"group_id": 7, "server_id": 1, "message_new": 1}),
    ("groups.addCallbackServer", {"group_id": 7, "url": "http://127.0.0.1:9/", "title": "a", "secret_key": "b"}),
    ("groups.editCallbackServer", {"group_id": 7, "server_id": 2, "url": "http://127.0.0.1:9/", "title": "c"}),
    ("groups.deleteCallbackServer", {"group_id": 7, "server_id": 2}),
    ("execute", {"code": 'return [API.users.get({"user_ids":[1,3]}), API.messages.send({"peer_id":99})];'}),
    ("execute", {"code": "return"}),
    ("messages.send", {"peer_id": 1, "random_id": 5, "message": "а"}),
    ("messages.send", {"peer_ids": f"1,{PEER},99", "random_id": 6, "message": "а"}),
    ("messages.send", {"peer_id": 99, "random_id": 6, "message": "а"}),
    ("messages.edit", {"peer_id": 1, "cmid": 3, "message": "б"}),
    ("messages.delete", {"peer_id": 1, "cmids": "4"}),
    ("messages.delete", {"message_ids": "2,99"}),
    ("messages.getByConversationMessageId", {"peer_id": PEER, "conversation_message_ids": "1,2,3"}),
    ("messages.getHistory", {"peer_id": 1}),
    ("messages.setActivity", {"peer_id": 1, "type": "typing"}),
    ("messages.markAsRead", {"peer_id": 1}),
    ("messages.sendReaction", {"peer_id": 1, "cmid": 1, "reaction_id": 1}),
    ("messages.sendMessageEventAnswer", {"peer_id": 1, "user_id": 1, "event_id": "none"}),
    ("messages.getConversationMembers", {"peer_id": PEER}),
    ("messages.getConversationMembers", {"peer_id": 1}),
    ("messages.getConversationsById", {"peer_ids": f"1,{PEER}"}),
    ("messages.isMessagesFromGroupAllowed", {"group_id": 7, "user_id": 1}),
    ("messages.pin", {"peer_id": PEER, "cmid": 1}),
    ("messages.unpin", {"peer_id": PEER}),
    ("messages.removeChatUser", {"chat_id": 1, "user_id": 2}),
]


@pytest.mark.parametrize(("method", "params"), CALLS, ids=lambda value: value if isinstance(value, str) else "")
def test_every_answer_fits_the_schema(emulator: EmulatorClient, method: str, params: dict[str, object]) -> None:
    check_answer(method, emulator.call(method, TOKEN, **params))


def test_every_method_is_tried_and_is_one_of_vks() -> None:
    assert {method for method, _params in CALLS} == set(METHODS)
    assert set(METHODS) | USER_ONLY <= set(schema()["methods"])


def test_user_only_methods_are_those_of_the_schema() -> None:
    closed = {name for name, entry in schema()["methods"].items() if "group" not in entry["access_token_type"]}
    assert closed == USER_ONLY


def test_the_events_of_a_callback_server_are_the_schemas() -> None:
    parameters = schema()["methods"]["groups.setCallbackSettings"]["parameters"]
    names = {item["name"] for item in parameters} - {"group_id", "server_id", "api_version"}
    assert set(EVENTS) == names


def test_error_texts_are_vks() -> None:
    known: dict[int, set[str]] = {}
    for entry in schema()["errors"].values():
        known.setdefault(entry["code"], set()).add(entry["description"])
    for code, text in TEXTS.items():
        if code not in NOT_IN_SCHEMA:
            assert text in known[code], code


def test_the_check_itself_finds_a_missing_field(emulator: EmulatorClient, receiver: CallbackReceiver) -> None:
    events(emulator, receiver)
    content = json.loads(json.dumps(receiver.of_kind("message_new")[0]["object"]))
    del content["message"]["version"]
    with pytest.raises(AssertionError, match="version"):
        check(content, "callback_message_new")
    jsonschema.Draft7Validator.check_schema({"definitions": schema()["definitions"]})
