"""What a community sees of a chat and of people: visibility, joining and leaving, ids above the chats' range."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.emulation import EmulatorClient, running_emulator

TOKEN = "token-7"
NEW_ID = 200_000_000_123
PEER = 2_000_000_001


@pytest.fixture
def emulator() -> Iterator[EmulatorClient]:
    with running_emulator(rate_limit=0) as running:
        running.community(7, TOKEN, screen_name="seven_bot")
        running.community(8, "token-8", screen_name="eight_bot")
        for group_id in (7, 8):
            running.order("longpoll", {"group_id": group_id, "enabled": True, "events": None})
        yield running


def seen(emulator: EmulatorClient, group_id: int = 7, kind: str = "message_new") -> list[dict[str, Any]]:
    """Return the objects of a community's events so far."""
    place = emulator.call("groups.getLongPollServer", f"token-{group_id}", group_id=group_id)["response"]
    updates = emulator.poll(**place | {"ts": 0})["updates"]
    return [update["object"] for update in updates if update["type"] == kind]


def texts(emulator: EmulatorClient, group_id: int = 7) -> list[str]:
    return [content["message"]["text"] for content in seen(emulator, group_id)]


def test_where_only_mentions_are_seen_commands_come_too(emulator: EmulatorClient) -> None:
    order = {"communities": [7, 8], "users": [1], "visibility": "mentions"}
    chat = emulator.order("chats", order)["chat_id"]
    hidden = emulator.say(1, 7, "просто так", peer=chat)
    assert [event["event_id"] for event in hidden["events"]] == [None, None]
    for text in ("/help", "эй, @seven_bot!", "[public7|Семь] да", "@eight_bot, ты?", " /нет", "[club77|@x]"):
        emulator.say(1, 7, text, peer=chat)
    assert texts(emulator) == ["/help", "эй, [club7|@seven_bot]!", "[public7|Семь] да"]
    assert texts(emulator, 8) == ["/help", "[club8|@eight_bot], ты?"]
    numbers = [content["message"]["conversation_message_id"] for content in seen(emulator)]
    assert numbers == [2, 3, 4], "what is not seen has a number all the same"


def test_full_access_is_given_to_one_community_or_by_making_it_admin(emulator: EmulatorClient) -> None:
    chat = emulator.order("chats", {"communities": [7, 8], "users": [1], "visibility": "mentions"})["chat_id"]
    emulator.order("chats", {"chat_id": chat, "visibility": {"8": "full"}})
    emulator.say(1, 7, "раз", peer=chat)
    emulator.order("chats", {"chat_id": chat, "admins": [-7]})
    emulator.say(1, 7, "два", peer=chat)
    emulator.order("chats", {"chat_id": chat, "visibility": {"8": "mentions"}})
    emulator.say(1, 7, "три", peer=chat)
    assert (texts(emulator), texts(emulator, 8)) == (["два", "три"], ["раз", "два"])


def test_an_invitation_is_seen_and_a_reply_when_told_to(emulator: EmulatorClient) -> None:
    chat = emulator.order("chats", {"communities": [7], "users": [1], "visibility": "mentions"})["chat_id"]
    for member in (-7, 2):
        emulator.say(1, 7, "", peer=chat, action={"type": "chat_invite_user", "member_id": member})
    assert [content["message"]["action"]["member_id"] for content in seen(emulator)] == [-7]
    [sent] = emulator.call("messages.send", TOKEN, peer_ids=PEER, random_id=0, message="а")["response"]
    cmid = sent["conversation_message_id"]
    emulator.say(1, 7, "ответ", peer=chat, reply_to=cmid)
    emulator.order("settings", {"replies_seen": True})
    emulator.say(1, 7, "ещё ответ", peer=chat, reply_to=cmid)
    assert texts(emulator) == ["", "ещё ответ"]


def test_people_join_and_leave(emulator: EmulatorClient) -> None:
    emulator.order("join", {"from_id": NEW_ID, "group_id": 7})
    emulator.order("join", {"from_id": 2, "group_id": 7, "join_type": "request"})
    assert emulator.call("groups.isMember", TOKEN, group_id=7, user_id=NEW_ID)["response"] == 1
    assert emulator.call("groups.getMembers", TOKEN, group_id=7)["response"]["items"] == [NEW_ID]
    emulator.order("join", {"from_id": NEW_ID, "group_id": 7, "joined": False})
    assert emulator.call("groups.isMember", TOKEN, group_id=7, user_id=NEW_ID)["response"] == 0
    assert seen(emulator, kind="group_join") == [
        {"user_id": NEW_ID, "join_type": "join"},
        {"user_id": 2, "join_type": "request"},
    ]
    assert seen(emulator, kind="group_leave") == [{"user_id": NEW_ID, "self": 1}]


def test_a_new_id_is_a_person_everywhere(emulator: EmulatorClient) -> None:
    chat = emulator.order("chats", {"communities": [7], "users": [NEW_ID], "admins": [-7]})["chat_id"]
    emulator.say(NEW_ID, 7, "лично")
    emulator.say(NEW_ID, 7, "в беседе @id200000000123", peer=chat)
    private, public = (content["message"] for content in seen(emulator))
    assert (private["peer_id"], private["id"] > 0) == (NEW_ID, True)
    assert (public["peer_id"], public["from_id"], public["id"]) == (PEER, NEW_ID, 0)
    assert public["text"] == "в беседе [id200000000123|@id200000000123]"
    for method, params in (
        ("messages.send", {"peer_id": NEW_ID, "random_id": 1, "message": "а"}),
        ("messages.send", {"user_id": NEW_ID, "random_id": 2, "message": "а"}),
        ("messages.getHistory", {"peer_id": NEW_ID}),
        ("messages.getConversationMembers", {"peer_id": NEW_ID}),
        ("messages.setActivity", {"peer_id": NEW_ID, "type": "typing"}),
        ("users.get", {"user_ids": NEW_ID}),
    ):
        assert "response" in emulator.call(method, TOKEN, **params), method
    conversations = emulator.call("messages.getConversationsById", TOKEN, peer_ids=f"{NEW_ID},{PEER}")["response"]
    assert [item["peer"]["type"] for item in conversations["items"]] == ["user", "chat"]
    press = emulator.order("press", {"from_id": NEW_ID, "group_id": 7, "payload": {"a": 1}})
    answer = {"event_id": press["press_id"], "user_id": NEW_ID, "peer_id": NEW_ID}
    assert emulator.call("messages.sendMessageEventAnswer", TOKEN, **answer)["response"] == 1
    assert (
        emulator.call("messages.send", TOKEN, peer_id=2_100_000_001, random_id=3, message="а")["error"]["error_code"]
        == 901
    )
    assert (
        emulator.call("messages.send", TOKEN, peer_id=2_100_000_000, random_id=3, message="а")["error"]["error_code"]
        == 917
    )
    assert emulator.call("messages.removeChatUser", TOKEN, chat_id=1, member_id=NEW_ID)["error"]["error_code"] == 15
