"""/name on a real base: kept, applied once for an event, shown to the next answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import redis

from db import keys
from db.base import Base
from db.bases import BaseStore
from db.models import Applied, Person
from db.settings import load_settings
from engine.commands.bot_name import clean_name
from engine.commands.dispatch import ChatContext, run_chat_command
from engine.commands.errors import BadCommand
from engine.commands.roles import Role
from engine.job import BotCard

BOT = BotCard("anna", 1, 77, "names", 1, language="en")
PERSON = keys.person("names", "vk", 5)


@pytest.fixture
def base(clean_redis: redis.Redis, storage_settings: Path) -> Iterator[Base]:
    store = BaseStore(clean_redis, load_settings(storage_settings))
    store.create("names")
    base = store.open("names")
    yield base
    base.close()
    store.drop("names")


@pytest.fixture
def context(base: Base, clean_redis: redis.Redis) -> ChatContext:
    return ChatContext(
        bot=BOT, event_id="e1", peer_id=5, account_id=5, person={"fi_name": "Иван", "user_name": "Иван"},
        role=Role.USER, base=lambda: base, redis=clean_redis, bot_redis=clean_redis,
    )  # fmt: skip


def stored_name(base: Base) -> str:
    with base.unit():
        return str(Person.get(Person.account_id == "5").user_name)


def test_new_name_is_kept_in_the_base_and_in_the_copy(context: ChatContext, base: Base) -> None:
    context.redis.hset(PERSON, mapping={"fi_name": "Иван", "user_name": "Иван", "status": "user"})
    assert run_chat_command("/name Ваня «Большой»", context) == "From now on I call you Ваня Большой."
    assert stored_name(base) == "Ваня Большой"
    copy = context.redis.hgetall(PERSON)
    assert copy[b"user_name"].decode() == "Ваня Большой" and copy[b"fi_name"].decode() == "Иван"


def test_no_copy_is_made_of_one_field(context: ChatContext) -> None:
    run_chat_command("/name Ваня", context)
    assert not context.redis.exists(PERSON)


def test_repeated_event_changes_nothing_and_says_the_same(context: ChatContext, base: Base) -> None:
    first = run_chat_command("/name Ваня", context)
    second = replace(context, event_id="e2")
    run_chat_command("/name Петя", second)
    assert run_chat_command("/name Ваня", context) == first
    assert stored_name(base) == "Петя"
    with base.unit():
        assert Applied.select().count() == 2


def test_name_is_told(context: ChatContext) -> None:
    assert "I call you Иван" in (run_chat_command("/имя", context) or "")
    run_chat_command("/name Ваня", context)
    assert "I call you Ваня" in (run_chat_command("/name", replace(context, person=None)) or "")


def test_unknown_person_is_asked(context: ChatContext) -> None:
    assert "do not know your name" in (run_chat_command("/name", replace(context, person=None)) or "")


def test_base_out_of_reach_is_said_and_nothing_is_changed(context: ChatContext, base: Base, tmp_path: Path) -> None:
    config = tmp_path / "gone.toml"
    config.write_text(f'[storage]\nmariadb = "mysql://salo@/?socket={tmp_path}/no.sock"\n')
    gone = replace(context, base=lambda: Base("names", load_settings(config)))
    assert run_chat_command("/name Ваня", gone) == ("I cannot get at my base just now; please try again a little later")
    with base.unit():
        assert Person.select().count() == 0


@pytest.mark.parametrize("text", ["", " ", "a" * 65, "[id1|Вася]", "@all", "***", "\u200b", "\u202e", "...", "\u200d"])
def test_what_cannot_be_a_name_is_refused(text: str) -> None:
    with pytest.raises(BadCommand):
        clean_name(text)


@pytest.mark.parametrize(("text", "name"), [(" Анна \n Мария ", "Анна Мария"), ("а\u202eб", "аб"), ("👩‍🚀", "👩‍🚀")])
def test_name_is_kept_in_one_clean_line(text: str, name: str) -> None:
    assert clean_name(text) == name
