"""What Redis keeps of tickers: read back as written, fenced by the lease, a pause kept, slots given back."""

from __future__ import annotations

import time
from typing import Any

import redis

from db import keys
from db.inbox import Call
from db.limiter import take_slot
from db.tickers import Place, TickerState, read, states, write_pause, write_tick

PLACE = Place(keys.ticker("bot_health"), 5)
LEASE = (keys.lease("anna"), "host:1")
STATE = TickerState(1000, 2000, 30, "warn", "слово", 1.5, 2)


def run(client: redis.Redis, call: Call) -> Any:
    return call.script.run(client, call.keys, call.args)


def stored(client: redis.Redis, *places: Place) -> list[TickerState]:
    return states(run(client, read(places)))


def test_states_are_read_as_they_were_written(clean_redis: redis.Redis) -> None:
    other = Place(keys.ticker("storage_health", "host-1"), 0)
    assert stored(clean_redis, PLACE, other) == [TickerState(), TickerState()]
    assert run(clean_redis, write_tick(other, TickerState(5, 6, 7, "ok"))) == 1
    clean_redis.set(*LEASE)
    assert run(clean_redis, write_tick(PLACE, STATE, LEASE)) == 1
    assert stored(clean_redis, PLACE, other) == [STATE, TickerState(5, 6, 7, "ok")]
    assert clean_redis.keys("ticker:*") == [other.key.encode()], "a bot's lie in its own database"


def test_who_lost_the_lease_writes_nothing(clean_redis: redis.Redis) -> None:
    clean_redis.set(LEASE[0], "another:2")
    assert run(clean_redis, write_tick(PLACE, STATE, LEASE)) == 0
    assert stored(clean_redis, PLACE) == [TickerState()]


def test_a_tick_that_ends_does_not_undo_a_pause(clean_redis: redis.Redis) -> None:
    run(clean_redis, write_pause(PLACE, True))
    run(clean_redis, write_tick(PLACE, STATE))
    assert stored(clean_redis, PLACE)[0].is_paused
    run(clean_redis, write_pause(PLACE, False))
    assert stored(clean_redis, PLACE) == [STATE]


def test_fields_that_nobody_wrote_so_count_as_missing(clean_redis: redis.Redis, redis_service: Any) -> None:
    redis_service.client(5).hset(PLACE.key, mapping={"last_ms": "x", "result": "fine", "ms": "y", "paused": "?"})
    assert stored(clean_redis, PLACE) == [TickerState()]


def test_slots_of_a_tick_end_with_it(clean_redis: redis.Redis, redis_service: Any) -> None:
    clean_redis.set(*LEASE)
    for entry, number in (("tick-1", 0), ("tick-1", 1), ("7-0", 0)):
        take_slot(clean_redis, LEASE, 5, (entry, 1), number, per_second=20, most_s=60)
    run(clean_redis, write_tick(PLACE, STATE, LEASE, "tick-1"))
    left_s = {
        slot: end / 1e6 - time.time() for slot, end in redis_service.client(5).zrange(keys.RATE, 0, -1, withscores=True)
    }
    assert 0 < left_s[b"tick-1:1:0"] < 2 and 0 < left_s[b"tick-1:1:1"] < 2
    assert left_s[b"7-0:1:0"] > 50, "a message's slot is not a tick's"
