"""Commands as people write them to a bot, on a real Redis."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import redis

from db.protocol import CommandResult
from db.texts import use_language
from engine.commands.dispatch import ChatContext, bodies, is_command, load_bodies, run_chat_command
from engine.commands.roles import Role
from engine.job import BotCard

BOT = BotCard("anna", 1, 77, "main", 1, title="Анна из кафе", names=("Аня", "Анюта"), language="en")
PEER = 2_000_000_001


def no_base() -> Any:
    raise AssertionError("the base was opened for nothing")


@pytest.fixture
def context(clean_redis: redis.Redis) -> ChatContext:
    return ChatContext(
        bot=BOT, event_id="e1", peer_id=PEER, account_id=5, person={"user_name": "Ваня", "status": "user"},
        role=Role.USER, base=no_base, redis=clean_redis, bot_redis=clean_redis,
    )  # fmt: skip


def test_all_bodies_of_the_bot_scope_are_bound() -> None:
    load_bodies()
    assert bodies.missing() == []


@pytest.mark.parametrize("text", ["", "привет", "/", "/ привет", "/5", "a /help", "//help"])
def test_talk_is_no_command(text: str, context: ChatContext) -> None:
    assert not is_command(text)
    assert run_chat_command(text, context) is None


def test_help_lists_what_the_person_may_use(context: ChatContext) -> None:
    reply = run_chat_command("/help", context)
    assert reply is not None and "/about — who I am" in reply and "/why" in reply
    assert "/bot add" not in reply


def test_help_tells_about_one_command_by_its_alias(context: ChatContext) -> None:
    assert "/why [PHRASE…] — why I gave my last answer, or none" in (run_chat_command("/ПОМОЩЬ почему", context) or "")


def test_about_says_who_the_bot_is(context: ChatContext) -> None:
    reply = run_chat_command("/about", context)
    assert reply is not None and "Анна из кафе" in reply and "Аня or Анюта" in reply


def test_why_explains_the_last_answer(context: ChatContext) -> None:
    assert run_chat_command("/why", context) == "I have not answered anything here lately."
    note = {"last_rx": "превет", "last_phrase": "привет", "last_score": "0.917", "last_answer_id": "12"}
    context.bot_redis.hset(f"peer:{PEER}", mapping=note)
    reply = run_chat_command("/why", context)
    assert reply == "\n".join((
        "You wrote: превет",
        "I know: привет",
        "They are alike by 92 %.",
        'The difference: typo in "превет" (привет).',
        "It is answer 12 of my base.",
    ))  # fmt: skip


def test_unknown_command_gets_a_suggestion(context: ChatContext) -> None:
    assert run_chat_command("/hepl", context) == "There is no command /hepl; did you mean /help?"


def test_wrong_parameters_get_the_usage(context: ChatContext) -> None:
    assert run_chat_command("/about -zzz", context) is not None
    assert "A quote is not closed" in (run_chat_command("/help «abc", context) or "")


def test_unknown_command_in_a_chat_is_left_to_other_bots(context: ChatContext) -> None:
    in_chat = replace(context, picked=False)
    assert run_chat_command("/hepl «x", in_chat) == ""
    assert run_chat_command("/help", in_chat) != ""
    assert "did you mean" in (run_chat_command("/hepl@anna", in_chat) or "")


@pytest.mark.parametrize(("target", "ours"), [("anna", True), ("Аня", True), ("club77", True), ("vera", False)])
def test_target_picks_one_bot(target: str, ours: bool, context: ChatContext) -> None:
    assert (run_chat_command(f"/help@{target}", context) != "") is ours


def test_banned_person_gets_silence(context: ChatContext) -> None:
    assert run_chat_command("/help", replace(context, role=Role.BANNED)) == ""


def test_platform_command_without_a_chat_face_does_not_exist_here(context: ChatContext) -> None:
    def ask(line: str) -> CommandResult:
        raise AssertionError("asked")

    reply = run_chat_command("/bot add x", replace(context, role=Role.OWNER, ask=ask))
    assert reply is not None and reply.startswith("There is no command /bot")


def test_reply_is_in_the_bots_language(context: ChatContext) -> None:
    with use_language("ru"):
        assert run_chat_command("/hepl", context) == "There is no command /hepl; did you mean /help?"


def test_help_in_russian_names_a_spelling_for_a_russian_keyboard(context: ChatContext) -> None:
    russian = replace(context, bot=replace(context.bot, language="ru"))
    assert "/help, /помощь — " in (run_chat_command("/help", russian) or "")
    assert "помощь" not in (run_chat_command("/help", context) or "")
