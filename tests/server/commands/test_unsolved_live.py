"""An answer that the operator types is what a running worker says to the very next message."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from db import delta
from db.base import Base
from engine.commands.declare import Face
from engine.commands.roles import Role
from server.commands.context import Actor, PlatformContext, Resources
from server.commands.run import run_line
from tests.db.test_unsolved import ask
from tests.engine.bench import Bench, Room, open_room
from tests.services import PASSWORD, MariaService, RedisService


@pytest.fixture
def room(redis_service: RedisService, maria_service: MariaService, tmp_path: Path) -> Iterator[Room]:
    password = tmp_path / "password"
    password.write_text(PASSWORD)
    storage = (
        f'[storage]\nredis = "{redis_service.url}"\nredis_password_file = "{password}"\n'
        f'mariadb = "{maria_service.url}"\nmariadb_password_file = "{password}"\n'
    )
    with open_room(tmp_path, storage) as room:
        yield room


def test_next_message_gets_the_new_answer_and_after_an_undo_none(room: Room, clean_redis: redis.Redis) -> None:
    bench = room.bench(clean_redis)
    bench.know()
    bench.learn(("привет", "И тебе"))
    resources = Resources(bench.settings)
    context = PlatformContext(resources, Actor(Role.OWNER, Face.TERMINAL, "local:root"))
    worker = bench.zygote.fork()
    base = Base(bench.base, bench.settings)
    try:
        assert next_verdict(bench, worker.run) == "unsolved"
        phrase = ask(base, "Что делать с ежом?", bot_id=7)
        run_line(context, f"unsolved answer {phrase.name} Отпустить, {{user_name}}")
        assert next_verdict(bench, worker.run) == "done"
        assert bench.vk.texts == ["Отпустить, Иван"]
        run_line(context, f"unsolved reopen {phrase.name}")
        assert next_verdict(bench, worker.run) == "unsolved"
    finally:
        worker.close()
        base.close()
        resources.close()


def next_verdict(bench: Bench, run: object) -> str:
    """Hand the worker a message as a lane does: with the position that the base has come to by now."""
    assert callable(run)
    job = {**bench.job("что делать с ежом"), "base_delta": delta.position(bench.client, bench.base)}
    return str(run(job)["verdict"])
