"""Readers of a base's changes see each of them once, or are told to read the base anew."""

from __future__ import annotations

import redis

from db import delta, keys
from db.delta import Change


def test_changes_are_read_after_a_position_in_order(clean_redis: redis.Redis) -> None:
    first = [Change("set", 1, "привет", "и тебе", 2, 7), Change("del", 2)]
    assert delta.position(clean_redis, "main") == "0-0"
    at = delta.publish(clean_redis, "main", first)
    assert [change for _at, change in delta.read_since(clean_redis, "main", "0-0") or []] == first
    assert delta.position(clean_redis, "main") == at
    assert delta.read_since(clean_redis, "main", at) == []
    delta.publish(clean_redis, "main", [Change("set", 3, "a", "b")])
    assert [change.id for _at, change in delta.read_since(clean_redis, "main", at) or []] == [3]
    assert delta.read_since(clean_redis, "other", "0-0") == []


def test_nothing_published_changes_no_position(clean_redis: redis.Redis) -> None:
    assert delta.publish(clean_redis, "main", []) == "0-0"
    assert not clean_redis.exists(keys.delta("main"))


def test_large_change_is_told_as_a_reload(clean_redis: redis.Redis) -> None:
    at = delta.publish(clean_redis, "main", [Change("set", number) for number in range(501)])
    assert clean_redis.xlen(keys.delta("main")) == 1
    assert delta.read_since(clean_redis, "main", "0-0") is None
    assert delta.read_since(clean_redis, "main", at) == []


def test_reader_that_fell_behind_reloads(clean_redis: redis.Redis) -> None:
    at = delta.publish(clean_redis, "main", [Change("set", 1)])
    for _chunk in range(27):
        delta.publish(clean_redis, "main", [Change("set", 2)] * 500)
    assert clean_redis.xlen(keys.delta("main")) < 11_000
    assert delta.read_since(clean_redis, "main", at) is None
    assert delta.read_since(clean_redis, "main", "0-0") is None


def test_reader_of_a_base_made_anew_reloads(clean_redis: redis.Redis) -> None:
    at = delta.publish(clean_redis, "main", [Change("set", 1)])
    clean_redis.delete(keys.delta("main"))
    assert delta.read_since(clean_redis, "main", at) is None
