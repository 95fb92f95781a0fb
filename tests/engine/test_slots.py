"""The slots of a job over the real limiter: held for as long as a request of the job may be on its way."""

from __future__ import annotations

from pathlib import Path

import redis

from db import codec, keys
from engine.desk import Stores, open_desk
from engine.job import Job, parse_job
from tests.db.lanes import claim
from tests.server.lanes import lane_settings
from tests.services import RedisService

DEADLINE_MS = 20_000


def test_a_further_slot_is_held_to_the_end_of_its_job(
    clean_redis: redis.Redis, redis_service: RedisService, tmp_path: Path
) -> None:
    """The worker may be killed as late as its deadline, with a request on its way until then."""
    held = claim(clean_redis)
    line = {
        "job": "anna:5-0:1",
        "kind": "answer",
        "bot": {"name": "anna", "bot_id": 1, "group_id": held.group_id, "base": held.base, "db": held.db},
        "token": "t",
        "event": {},
        "entry": "5-0",
        "attempt": 1,
        "lease": {"key": keys.lease("anna"), "value": held.lease},
        "deadline_ms": DEADLINE_MS,
    }
    seconds, us = clean_redis.time()
    job = parse_job(codec.dumps(line))
    assert isinstance(job, Job)
    desk = open_desk(job, Stores(lane_settings(redis_service, tmp_path)), lambda line: None)  # type: ignore[arg-type, return-value]
    desk.slots.take()
    assert desk.slots.try_take()
    desk.slots.take()
    ends = redis_service.client(held.db).zrange(keys.RATE, 0, -1, withscores=True)
    window_later_us = seconds * 1_000_000 + us + (DEADLINE_MS + 1000) * 1000
    assert [name for name, _ in ends] == [b"5-0:1:1", b"5-0:1:2"]
    # The first one ends a window after the second was asked for: its request was answered.
    assert ends[1][1] > window_later_us
