"""Lanes under backlog: replies composed and sent in batches, whoever is killed in between, and nothing doubled."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import redis

from db import codec, keys
from tests.db.lanes import message, put
from tests.server.lanes import journal_rows, lane_settings, make_bot, read_deeds, rows_by_event, running, until
from tests.services import RedisService


def say(client: redis.Redis, text: str, peer_id: int, cmid: int = 1) -> str:
    event_id = f"e-{peer_id}-{cmid}"
    put(client, message(peer_id=peer_id, cmid=cmid, text=text, event_id=event_id), bot="b0")
    return event_id


def test_a_backlog_goes_out_in_batches_and_a_message_alone_at_once(
    clean_redis: redis.Redis, redis_service: RedisService, tmp_path: Path
) -> None:
    settings = lane_settings(redis_service, tmp_path)
    for peer_id in range(1, 101):
        say(clean_redis, "hi", peer_id)

    async def scene() -> None:
        async with running(settings, [make_bot()]) as host:
            await until(lambda: len(host.steps("done")) == 100)
            assert 4 <= len(host.deeds("batch")) <= 12
            batches = len(host.deeds("batch"))
            say(clean_redis, "hi", 500)
            await until(lambda: len(host.steps("done")) == 101)
            assert len(host.deeds("batch")) == batches

    asyncio.run(scene())
    rows = [row for row in journal_rows(clean_redis) if row["op"] == "history"]
    assert len(rows) == 101 and set(rows_by_event(clean_redis).values()) == {1}
    assert rows[0]["tx"].endswith("re: hi")
    assert clean_redis.xlen(keys.inbox("b0")) == 0 and not clean_redis.exists(keys.state("b0"))


@pytest.mark.parametrize("reason", ["", "it failed"])
def test_what_a_dead_host_had_begun_is_composed_again_unless_it_failed(
    clean_redis: redis.Redis, redis_service: RedisService, tmp_path: Path, reason: str
) -> None:
    settings = lane_settings(redis_service, tmp_path)
    for peer_id in range(1, 121):
        say(clean_redis, "hi", peer_id)
    begun = [name.decode() for name, _ in clean_redis.xrange(keys.inbox("b0"))][:40]
    clean_redis.hset(keys.state("b0"), mapping=dict.fromkeys(begun, f"1:0:{reason}"))

    async def scene() -> None:
        async with running(settings, [make_bot()]) as host:
            await until(lambda: len(host.steps("done")) == 120)
            assert {told["entry"] for told in host.steps("done") if told["attempt"] == 2} == set(begun)
            packed = sum(deed.peer_id for deed in host.deeds("batch"))
            assert packed <= 80 if reason else packed > 90

    asyncio.run(scene())
    assert set(rows_by_event(clean_redis).values()) == {1}


def test_conversations_keep_their_order_in_batches(
    clean_redis: redis.Redis, redis_service: RedisService, tmp_path: Path
) -> None:
    settings = lane_settings(redis_service, tmp_path, lanes={"per_bot": 8}, engine={"workers": 4})
    for cmid in range(1, 5):
        for peer_id in range(1, 31):
            say(clean_redis, "hi", peer_id, cmid)

    async def scene() -> None:
        async with running(settings, [make_bot()]) as host:
            await until(lambda: len(host.steps("done")) == 120, timeout_s=20)
            for peer_id in range(1, 31):
                sent = [deed.event_id for deed in host.deeds("sent") if deed.peer_id == peer_id]
                assert sent == [f"e-{peer_id}-{cmid}" for cmid in range(1, 5)]

    asyncio.run(scene())


@pytest.mark.parametrize("word", ["sink", "drown"])
def test_a_worker_that_dies_in_a_batch_costs_no_event(
    clean_redis: redis.Redis, redis_service: RedisService, tmp_path: Path, word: str
) -> None:
    """Nobody knows what VK has: each event of the batch is tried again, alone, and answered."""
    settings = lane_settings(redis_service, tmp_path, vk={"requests_per_s": 200})
    said = [say(clean_redis, word if peer_id == 17 else "hi", peer_id) for peer_id in range(1, 241)]

    async def scene() -> None:
        async with running(settings, [make_bot()]) as host:
            await until(lambda: len(host.steps("done")) == len(said), timeout_s=20)
            assert host.steps("buried") == []
            again = {told["event_id"] for told in host.steps("retry")}
            assert "e-17-1" in again and len(again) <= 25

    asyncio.run(scene())
    assert rows_by_event(clean_redis) == dict.fromkeys(said, 1)
    sent = Counter(deed.event_id for deed in read_deeds(tmp_path / "deeds", "sent"))
    assert set(sent) == set(said) and max(sent.values()) <= (1 if word == "sink" else 2)


def test_a_message_that_kills_its_composer_is_the_only_one_to_blame(
    clean_redis: redis.Redis, redis_service: RedisService, tmp_path: Path
) -> None:
    settings = lane_settings(redis_service, tmp_path, lanes={"attempts": 2})
    for peer_id in range(1, 61):
        say(clean_redis, "die" if peer_id == 5 else "hi", peer_id)

    async def scene() -> None:
        async with running(settings, [make_bot()]) as host:
            await until(lambda: len(host.steps("done")) == 59, timeout_s=20)
            await until(lambda: host.steps("buried"))
            assert [told["event_id"] for told in host.steps("buried")] == ["e-5-1"]
            assert [told["event_id"] for told in host.steps("retry")] == ["e-5-1"]

    asyncio.run(scene())


def test_events_that_share_no_job_are_answered_among_those_that_do(
    clean_redis: redis.Redis, redis_service: RedisService, tmp_path: Path
) -> None:
    settings = lane_settings(redis_service, tmp_path, vk={"requests_per_s": 40})
    for peer_id in range(1, 121):
        text = random.Random(peer_id).choice(["hi", "hi", "once retry", "ignore", "unsolved", "ask"])
        say(clean_redis, text, peer_id)
    for number in range(10):
        press = {"type": "message_event", "event_id": f"b-{number}", "object": {"user_id": number, "peer_id": number}}
        fields: dict[Any, Any] = {"e": codec.dumps(press), "t": "message_event", "p": 1000 + number, "i": f"b-{number}"}
        clean_redis.xadd(keys.inbox("b0"), fields)

    async def scene() -> None:
        async with running(settings, [make_bot()]) as host:
            ends = ("done", "ignored", "unsolved")
            await until(lambda: sum(len(host.steps(step)) for step in ends) == 130, timeout_s=20)
            assert host.steps("buried") == []
            assert len(host.deeds("batch")) >= 2

    asyncio.run(scene())


def test_an_engine_that_cannot_compose_answers_one_by_one(
    clean_redis: redis.Redis, redis_service: RedisService, tmp_path: Path
) -> None:
    settings = lane_settings(redis_service, tmp_path, vk={"requests_per_s": 100})
    for peer_id in range(1, 151):
        say(clean_redis, "hi", peer_id)

    async def scene() -> None:
        async with running(settings, [make_bot()], words=("simple",)) as host:
            await until(lambda: len(host.steps("done")) == 150, timeout_s=20)
            assert host.deeds("batch") == [] and host.steps("retry") == []

    asyncio.run(scene())


def test_a_host_that_stops_leaves_composed_replies_as_if_they_were_new(
    clean_redis: redis.Redis, redis_service: RedisService, tmp_path: Path
) -> None:
    """One slot a second: much is composed, little is sent; nothing of that counts as an attempt."""
    settings = lane_settings(redis_service, tmp_path, vk={"requests_per_s": 1})
    for peer_id in range(1, 201):
        say(clean_redis, "hi", peer_id)

    async def scene() -> None:
        async with running(settings, [make_bot()]) as host:
            await until(lambda: len(host.deeds("begin")) >= 100)

    asyncio.run(scene())
    tried: Any = clean_redis.hgetall(keys.state("b0"))
    assert tried and {value.split(b":")[0] for value in tried.values()} == {b"0"}

    async def heir() -> None:
        async with running(lane_settings(redis_service, tmp_path), [make_bot()], "heir") as host:
            await until(lambda: clean_redis.xlen(keys.inbox("b0")) == 0, timeout_s=20)
            assert host.steps("retry") == []

    asyncio.run(heir())
    assert len(rows_by_event(clean_redis)) == 200
