"""What reaches an inbox, and what does not."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
import redis

from db import keys
from db.accept import SEEN_S, Event, Outcome, accept

EVENT = Event(7, "ab" * 20, "message_new", 100, 5, 42, b'{"type":"message_new"}')


def put(client: redis.Redis, event: Event = EVENT, version: int = 0, inbox_max: int = 10) -> Outcome:
    return accept(client, "anna", event, version, inbox_max)


def test_accepted_event_lies_in_the_inbox_with_all_its_fields(clean_redis: redis.Redis) -> None:
    before_ms = int(time.time() * 1000)
    assert put(clean_redis) is Outcome.ACCEPTED
    [(_entry, fields)] = clean_redis.xrange(keys.inbox("anna"))
    accepted_ms = int(fields.pop(b"a"))
    assert before_ms <= accepted_ms <= int(time.time() * 1000)
    assert fields == {
        b"e": EVENT.envelope,
        b"t": b"message_new",
        b"p": b"100",
        b"c": b"5",
        b"f": b"42",
        b"i": EVENT.event_id.encode(),
    }


def test_event_repeated_by_vk_is_kept_once(clean_redis: redis.Redis) -> None:
    put(clean_redis)
    assert put(clean_redis) is Outcome.SEEN
    assert clean_redis.xlen(keys.inbox("anna")) == 1


def test_message_that_comes_again_under_another_event_id_is_kept_once(clean_redis: redis.Redis) -> None:
    put(clean_redis)
    assert put(clean_redis, replace(EVENT, event_id="other")) is Outcome.SEEN


@pytest.mark.parametrize("change", [{"cmid": 6}, {"peer_id": 101}, {"group_id": 8}])
def test_other_message_is_no_repeat(clean_redis: redis.Redis, change: dict[str, int]) -> None:
    put(clean_redis)
    assert put(clean_redis, replace(EVENT, event_id="other", **change)) is Outcome.ACCEPTED


def test_events_without_a_message_number_are_told_apart_by_their_ids(clean_redis: redis.Redis) -> None:
    first = replace(EVENT, type="message_event", cmid=0)
    assert [put(clean_redis, first), put(clean_redis, replace(first, event_id="other")), put(clean_redis, first)] == [
        Outcome.ACCEPTED,
        Outcome.ACCEPTED,
        Outcome.SEEN,
    ]


def test_full_inbox_refuses_new_events_but_knows_old_ones(clean_redis: redis.Redis) -> None:
    put(clean_redis, inbox_max=1)
    new = replace(EVENT, event_id="new", cmid=6)
    assert put(clean_redis, new, inbox_max=1) is Outcome.FULL
    assert put(clean_redis, inbox_max=1) is Outcome.SEEN
    clean_redis.delete(keys.inbox("anna"))
    assert put(clean_redis, new, inbox_max=1) is Outcome.ACCEPTED, "a refused event must not be remembered as seen"


def test_event_verified_with_old_bots_is_not_kept(clean_redis: redis.Redis) -> None:
    clean_redis.incr(keys.BOTS_VERSION)
    assert put(clean_redis) is Outcome.STALE
    assert clean_redis.keys("*") == [keys.BOTS_VERSION.encode()]
    assert put(clean_redis, version=1) is Outcome.ACCEPTED


def test_what_was_seen_is_remembered_for_six_hours(clean_redis: redis.Redis) -> None:
    put(clean_redis)
    lives = [clean_redis.ttl(key) for key in clean_redis.keys("seen:*")]
    assert len(lives) == 2
    assert all(SEEN_S - 60 < life <= SEEN_S for life in lives)


def test_acceptance_wakes_the_lane(clean_redis: redis.Redis) -> None:
    with clean_redis.pubsub(ignore_subscribe_messages=True) as subscription:
        subscription.subscribe(keys.wake("anna"))
        subscription.get_message(timeout=1)
        put(clean_redis)
        put(clean_redis)
        heard = [subscription.get_message(timeout=1), subscription.get_message(timeout=0.05)]
    assert heard[0] is not None and heard[0]["channel"] == b"wake:anna"
    assert heard[1] is None, "a repeat wakes nobody"


def test_redis_without_memory_keeps_nothing_of_an_event(clean_redis: redis.Redis) -> None:
    clean_redis.config_set("maxmemory", 1)
    try:
        with pytest.raises(redis.exceptions.OutOfMemoryError):
            put(clean_redis)
    finally:
        clean_redis.config_set("maxmemory", 0)
    assert clean_redis.keys("*") == []
