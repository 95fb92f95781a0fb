"""Who is spoken to, and what is left to be answered."""

from __future__ import annotations

import time

import pytest

from engine.addressing import find_address, strip_mention, strip_name
from engine.message import Message, parse_message

GROUP = 77
CHAT = 2_000_000_005
NAMES = ("Анна", "Анна Сергеевна", "бот")


def said(text: str, *, peer_id: int = CHAT, answers_to: int | None = None) -> Message:
    return Message(text, peer_id, 11, 5, False, False, answers_to)


@pytest.mark.parametrize(
    ("text", "how", "bare"),
    [
        ("[club77|@anna] привет", "mention", "привет"),
        ("[public77|Аня], привет", "mention", "привет"),
        ("привет [event77|Аня] как дела", "mention", "привет как дела"),
        ("Анна, привет!", "name", "привет!"),
        ("АННА привет", "name", "привет"),
        ("анна сергеевна, привет", "name", "привет"),
        ("как дела, Анна?", "name", "как дела?"),
        ("анна", "name", "анна"),
        ("/help", "command", "/help"),
        ("[club77|@anna] /help", "command", "/help"),
        ("Анна, /help", "command", "/help"),
    ],
)
def test_a_chat_message_to_us_is_known_by_mention_name_or_slash(text: str, how: str, bare: str) -> None:
    address = find_address(said(text), GROUP, NAMES)
    assert address is not None
    assert (address.how, address.bare) == (how, bare)


@pytest.mark.parametrize(
    "text",
    ["привет", "[club78|@bob] привет", "[id77|Аня] привет", "аннабель привет", "скажи анна привет", "", "[club77|a"],
)
def test_a_chat_message_to_others_is_not_ours(text: str) -> None:
    assert find_address(said(text), GROUP, NAMES) is None


def test_a_reply_to_our_message_is_for_us_and_one_to_another_is_not() -> None:
    answer = find_address(said("да", answers_to=-GROUP), GROUP, NAMES)
    assert answer is not None and answer.how == "answer"
    assert find_address(said("да", answers_to=-78), GROUP, NAMES) is None


def test_everything_in_a_private_dialog_is_for_us() -> None:
    address = find_address(said("привет", peer_id=11), GROUP, NAMES)
    assert address is not None and address.how == "private"


def test_two_mentions_are_cut_one_by_one() -> None:
    assert strip_mention("[club77|@bot] скажи [id2|Ваня] привет", GROUP) == ("скажи [id2|Ваня] привет", True)


def test_a_hostile_text_costs_little() -> None:
    started = time.thread_time()  # of this thread alone: others have the machine, too
    strip_mention("[club77|" * 20_000, GROUP)
    strip_name("анна " * 20_000, NAMES)
    assert time.thread_time() - started < 0.5


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"object": None},
        {"object": {"warning": "You are using a deprecated API version"}},
        {"object": {"message": []}},
        {"object": {"message": {"text": "привет"}}},
        {"object": {"message": {"text": "привет", "peer_id": "7", "from_id": True}}},
        {"object": {"message": {"text": "привет", "peer_id": 1 << 80, "from_id": 7}}},
    ],
)
def test_an_event_without_a_usable_message_is_none(event: dict[str, object]) -> None:
    assert parse_message(event) is None


def test_a_user_id_above_the_chats_is_a_private_dialog() -> None:
    number = 200_000_000_123
    message = parse_message({"object": {"message": {"text": 5, "peer_id": number, "from_id": number, "action": {}}}})
    assert message is not None
    assert message.is_private and not message.is_chat and message.is_service and message.text == ""
