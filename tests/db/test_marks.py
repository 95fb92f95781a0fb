"""A reply that is begun is written down once, and only by the lane's owner."""

from __future__ import annotations

import pytest
import redis

from db import keys
from db.limiter import LeaseLost
from db.marks import MarkKeeper

LEASE = ("lease:anna", "host:1")
REPLY = {"parts": [{"text": "привет", "random_id": 5}]}


@pytest.fixture
def keeper(clean_redis: redis.Redis) -> MarkKeeper:
    clean_redis.set(*LEASE)
    return MarkKeeper(clean_redis, LEASE, 77, "5-0")


def test_a_repeat_is_given_what_the_first_try_wrote(keeper: MarkKeeper) -> None:
    assert keeper.read() is None
    assert keeper.begin(REPLY, 3, 11, {"last_rx": "привет"}) is None
    keeper.sent(0, 42)
    keeper.sent(1, None)
    again = keeper.begin({"parts": []}, 3, 11, {"last_rx": "другое"})
    read = keeper.read()
    for mark in (again, read):
        assert mark is not None
        assert mark.reply == REPLY
        assert mark.sent == {0: 42, 1: None}
        assert 0 <= mark.age_ms < 5000


def test_notes_on_the_conversation_go_to_the_bots_own_database(
    keeper: MarkKeeper, clean_redis: redis.Redis, redis_service: object
) -> None:
    keeper.begin(REPLY, 3, 11, {"last_rx": "привет"})
    own = redis_service.client(3)  # type: ignore[attr-defined]
    assert own.hget(keys.peer(11), "last_rx") == "привет".encode()
    assert own.ttl(keys.peer(11)) > 0
    assert clean_redis.exists(keys.peer(11)) == 0
    assert clean_redis.pttl(keys.reply_mark(77, "5-0")) > 0


def test_a_lane_that_was_taken_over_can_neither_begin_nor_note(keeper: MarkKeeper, clean_redis: redis.Redis) -> None:
    keeper.begin(REPLY, 3, 11, {})
    clean_redis.set(LEASE[0], "host:2")
    for forbidden in (keeper.read, lambda: keeper.begin(REPLY, 3, 11, {}), lambda: keeper.sent(0, 1)):
        with pytest.raises(LeaseLost):
            forbidden()
    assert clean_redis.hexists(keys.reply_mark(77, "5-0"), "sent:0") == 0


def test_noting_a_part_after_the_settle_leaves_nothing_behind(keeper: MarkKeeper, clean_redis: redis.Redis) -> None:
    keeper.sent(0, 1)
    assert clean_redis.exists(keys.reply_mark(77, "5-0")) == 0
