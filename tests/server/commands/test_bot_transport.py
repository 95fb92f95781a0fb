"""``bot add --transport`` and ``bot transport``: what is said of it, and that the place of a long poll is forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from db import keys
from db.bases import Base
from db.links import redis_client
from db.settings import load_settings
from engine.commands.declare import Face
from engine.commands.errors import BadCommand
from engine.commands.roles import Role
from server.commands.context import Actor, PlatformContext, Resources
from server.commands.run import run_line


@pytest.fixture
def context(base: Base, storage_settings: Path, tmp_path: Path) -> Iterator[PlatformContext]:
    resources = Resources(load_settings(storage_settings, {"SALO_HOME": str(tmp_path / "home")}))
    yield PlatformContext(resources, Actor(Role.OWNER, Face.TERMINAL, "local:root"))
    resources.close()


def test_a_bot_by_long_poll_needs_neither_address_nor_secret(context: PlatformContext) -> None:
    told = run_line(context, "bot add anna -group-id 77 -base main -token t -transport longpoll")
    assert "long poll" in told.text and "/callback/" not in told.text and "secret" not in told.text
    assert told.data["transport"] == "longpoll" and context.bots.get("anna").is_listened_for


def test_a_bot_by_both_is_told_of_both(context: PlatformContext) -> None:
    told = run_line(context, "bot add anna -group-id 77 -base main -token t -transport both")
    assert "long poll" in told.text and "/callback/77" in told.text and told.data["secret"] in told.text


def test_a_bot_changes_its_transport_and_its_place_is_forgotten_when_nobody_listens(context: PlatformContext) -> None:
    bot = context.bots.add("anna", 77, "main", "t", "s")
    assert bot.transport == "callback"
    own = redis_client(context.settings, bot.db)
    version = context.bots.version()
    run_line(context, "bot transport anna longpoll")
    assert context.bots.get("anna").is_listened_for and context.bots.version() > version
    own.hset(keys.LONG_POLL, "ts", "12")
    run_line(context, "бот доставка anna both")
    assert own.hget(keys.LONG_POLL, "ts") == b"12", "listened for as before"
    run_line(context, "bot transport anna callback")
    assert not own.exists(keys.LONG_POLL)
    with pytest.raises(BadCommand):
        run_line(context, "bot transport anna pigeon")
    own.close()
