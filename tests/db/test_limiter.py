"""Further slots of a job: never more requests in a second than VK allows, and no job waits for ever."""

from __future__ import annotations

import threading
import time

import pytest
import redis

from db import inbox, keys
from db.limiter import LeaseLost, NoSlot, end_batch_slots, end_slots, slot_taken, take_batch_slot, take_slot, try_slot
from db.slots import LEAD_MS, WINDOW_MS
from tests.db.lanes import claim, message, put, read, run
from tests.services import RedisService

LEASE = (keys.lease("anna"), "host:token")


def test_jobs_that_each_need_another_slot_do_not_wait_for_each_other(clean_redis: redis.Redis) -> None:
    """Two slots a second, two jobs with one slot each; the second ones come when those are a second old."""
    held = claim(clean_redis)
    for number in (1, 2):
        put(clean_redis, message(peer_id=number, event_id=f"e{number}"))
    jobs = read(clean_redis)
    for entry in jobs:
        run(clean_redis, inbox.hand_out(held, entry, 1, 2, 30_000))
    begin = time.monotonic()
    for entry in jobs:
        take_slot(clean_redis, LEASE, held.db, (entry.entry, 1), 1, per_second=2, most_s=5)
    assert 0.9 < time.monotonic() - begin < 2.5


def test_the_same_slot_asked_for_twice_is_one_slot(clean_redis: redis.Redis, redis_service: RedisService) -> None:
    held = claim(clean_redis)
    for _ in range(3):
        assert try_slot(clean_redis, LEASE, held.db, ("5-0", 1), 1, per_second=20, most_s=5) == 0
    assert redis_service.client(held.db).zcard(keys.RATE) == 1


def test_a_slot_is_given_a_little_before_it_begins_and_given_back_takes_nothing_along(
    clean_redis: redis.Redis, redis_service: RedisService
) -> None:
    """One slot a second, which ends in 12 ms: the next begins then, though one that was given ahead is given back."""
    held = claim(clean_redis)
    first, second = put(clean_redis, message()), put(clean_redis, message(peer_id=8, event_id="e2"))
    assert first < second
    jobs = read(clean_redis)
    run(clean_redis, inbox.hand_out(held, jobs[0], 1, 1, 30_000))
    run(clean_redis, inbox.close(held, jobs[0], 1, [], slots_used=1, arrived_ms=[WINDOW_MS - 12]))
    for _ in range(2):
        given = inbox.handed_out(run(clean_redis, inbox.hand_out(held, jobs[1], 1, 1, 30_000)))
        assert isinstance(given, inbox.Given) and 0 <= given.slot_in_ms < 12
        batch = slot_taken(run(clean_redis, take_batch_slot(held, "batch", 1, 30_000)))
        assert isinstance(batch, inbox.Wait) and batch.wait_ms > 20_000
        run(clean_redis, inbox.retry(held, jobs[1], 1, 0, "given back", slots_used=0))
    assert redis_service.client(held.db).zcard(keys.RATE) <= 1


def test_a_batch_holds_its_slot_until_a_second_after_its_request(
    clean_redis: redis.Redis, redis_service: RedisService
) -> None:
    held = claim(clean_redis)
    assert slot_taken(run(clean_redis, take_batch_slot(held, "batch-1", 1, 30_000))) == 0
    run(clean_redis, end_batch_slots(held, "batch-1", 1, [400.0]))
    refused = slot_taken(run(clean_redis, take_batch_slot(held, "batch-2", 1, 30_000)))
    assert isinstance(refused, inbox.Wait) and refused.wait_ms <= WINDOW_MS - 400 - LEAD_MS
    run(clean_redis, end_batch_slots(held, "batch-1", 0, []))
    assert redis_service.client(held.db).zcard(keys.RATE) == 0
    lost = claim(clean_redis, lease="other:token")
    assert isinstance(slot_taken(run(clean_redis, take_batch_slot(held, "batch-3", 1, 30_000))), inbox.Lost)
    assert slot_taken(run(clean_redis, take_batch_slot(lost, "batch-3", 1, 30_000))) == 0


def test_a_job_whose_lane_was_lost_gets_no_slot(clean_redis: redis.Redis) -> None:
    held = claim(clean_redis, lease="other:token")
    with pytest.raises(LeaseLost):
        try_slot(clean_redis, LEASE, held.db, ("5-0", 1), 1, per_second=20, most_s=5)


def test_waiting_for_a_slot_has_an_end(clean_redis: redis.Redis) -> None:
    held = claim(clean_redis)
    take_slot(clean_redis, LEASE, held.db, ("5-0", 1), 1, per_second=1, most_s=30)
    with pytest.raises(NoSlot):
        take_slot(clean_redis, LEASE, held.db, ("6-0", 1), 1, per_second=1, most_s=0.1)


def test_many_workers_never_exceed_the_rate(clean_redis: redis.Redis, redis_service: RedisService) -> None:
    """Eight threads use slots as fast as they can; every grant's time is taken after it, as a request would be."""
    held = claim(clean_redis)
    granted: list[float] = []
    end = time.monotonic() + 2.5

    def work(job: int) -> None:
        client = redis_service.client()
        number = 0
        while time.monotonic() < end:
            number += 1
            try:
                take_slot(client, LEASE, held.db, (f"{job}-0", 1), number, per_second=10, most_s=1.5)
            except NoSlot:
                continue
            granted.append(time.monotonic())

    threads = [threading.Thread(target=work, args=(job,)) for job in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    granted.sort()
    assert len(granted) >= 20
    # Each request could be late by the time a thread needs to note it; the margin of the window is 10 ms.
    for at, moment in enumerate(granted):
        assert sum(1 for other in granted[at:] if other < moment + 1.0) <= 10


def test_a_slot_is_held_for_all_that_is_left_though_waiting_ends_earlier(
    clean_redis: redis.Redis, redis_service: RedisService
) -> None:
    held = claim(clean_redis)
    take_slot(clean_redis, LEASE, held.db, ("5-0", 1), 1, per_second=1, most_s=10, spare_s=9)
    now_s, _us = clean_redis.time()
    assert redis_service.client(held.db).zscore(keys.RATE, "5-0:1:1") > (now_s + 10) * 1_000_000
    with pytest.raises(NoSlot):
        take_slot(clean_redis, LEASE, held.db, ("6-0", 1), 1, per_second=1, most_s=10, spare_s=9.9)


def test_a_slot_whose_call_was_answered_ends_a_window_later(
    clean_redis: redis.Redis, redis_service: RedisService
) -> None:
    held, job = claim(clean_redis), ("longpoll-1", 7)
    take_slot(clean_redis, LEASE, held.db, job, 0, per_second=1, most_s=30)
    end_slots(clean_redis, LEASE, held.db, job)
    now_s, _us = clean_redis.time()
    ends_us = redis_service.client(held.db).zscore(keys.RATE, "longpoll-1:7:0")
    assert now_s * 1_000_000 < ends_us <= (now_s + 1) * 1_000_000 + WINDOW_MS * 1000
