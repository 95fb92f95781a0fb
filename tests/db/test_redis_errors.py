"""Which answers of a real Redis mean "not now", and which are bugs of ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import redis

from db.redis_errors import is_not_now
from db.scripts import Script


@contextmanager
def configured(client: redis.Redis, name: str, value: str, before: str) -> Iterator[None]:
    client.config_set(name, value)
    try:
        yield
    finally:
        client.config_set(name, before)


def error_of(client: redis.Redis) -> Exception:
    """Return how a script's write is refused: by itself, and from within."""
    with pytest.raises(redis.RedisError) as plain:
        client.set("a", "1")
    with pytest.raises(redis.RedisError) as scripted:
        Script("dead_replay").run(client, ["dead", "bots", "inbox:a"], ["1-1", "a", "wake"])
    assert is_not_now(scripted.value)
    return plain.value


@pytest.mark.parametrize(("name", "value", "before"), [("maxmemory", "1", "0"), ("min-replicas-to-write", "1", "0")])
def test_a_redis_that_takes_nothing_now_is_waited_for(
    clean_redis: redis.Redis, name: str, value: str, before: str
) -> None:
    clean_redis.xadd("dead", {"bot": "a"}, id="1-1")
    clean_redis.hset("bots", "a", "{}")
    with configured(clean_redis, name, value, before):
        assert is_not_now(error_of(clean_redis))


def test_a_copy_of_another_redis_is_waited_for(clean_redis: redis.Redis) -> None:
    clean_redis.execute_command("REPLICAOF", "127.0.0.1", "1")
    try:
        with pytest.raises(redis.RedisError) as refused:
            clean_redis.set("a", "1")
    finally:
        clean_redis.execute_command("REPLICAOF", "NO", "ONE")
    assert is_not_now(refused.value)


def test_a_bug_of_ours_is_not_waited_for(clean_redis: redis.Redis) -> None:
    clean_redis.set("a", "1")
    with pytest.raises(redis.RedisError) as refused:
        clean_redis.hset("a", "field", "value")
    assert not is_not_now(refused.value)
    assert is_not_now(redis.ResponseError("MISCONF Errors writing to the AOF file: No space left on device"))
    assert is_not_now(redis.BusyLoadingError("Redis is loading the dataset in memory"))
