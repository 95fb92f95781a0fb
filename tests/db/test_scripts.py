"""Scripts run by their hash, whatever Redis remembers of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from db import scripts
from db.scripts import Script
from tests.services import PASSWORD, RedisService


@pytest.fixture
def echo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    """A script of the test's own, that no Redis has seen."""
    (tmp_path / "echo.lua").write_text(f"-- {tmp_path}\nreturn {{KEYS[1], ARGV[1]}}")
    monkeypatch.setattr(scripts, "_FOLDER", tmp_path)
    scripts._text.cache_clear()
    yield Script("echo")
    scripts._text.cache_clear()


def test_script_that_redis_never_saw_runs_at_the_first_try(clean_redis: redis.Redis, echo: Script) -> None:
    assert echo.run(clean_redis, ["a"], [1]) == [b"a", b"1"]
    assert clean_redis.script_exists(echo.sha) in ([True], [1])


def test_script_that_redis_forgot_runs_at_the_first_try(clean_redis: redis.Redis, echo: Script) -> None:
    echo.run(clean_redis, ["a"], [1])
    clean_redis.script_flush()
    assert echo.run(clean_redis, ["b"], ["x"]) == [b"b", b"x"]


def test_script_runs_over_asyncio_too(redis_service: RedisService, clean_redis: redis.Redis, echo: Script) -> None:
    async def both() -> list[object]:
        async with redis.asyncio.Redis(
            unix_socket_path=str(redis_service.socket), password=PASSWORD, legacy_responses=False
        ) as client:
            first = await echo.run_async(client, ["a"], [1])
            return [first, await echo.run_async(client, ["a"], [1])]

    assert asyncio.run(both()) == [[b"a", b"1"], [b"a", b"1"]]


def test_error_inside_a_script_is_not_taken_for_a_forgotten_one(clean_redis: redis.Redis, echo: Script) -> None:
    clean_redis.set("a", "not a list")
    (scripts._FOLDER / "wrong.lua").write_text("return redis.call('LLEN', KEYS[1])")
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        Script("wrong").run(clean_redis, ["a"])
