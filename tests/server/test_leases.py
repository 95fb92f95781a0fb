"""Leases over the real Redis, and the guard that does not trust a clock it cannot see."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import redis

from db import keys
from db.links import async_redis_client
from server.dispatcher.batching import BatchedRedis
from server.dispatcher.leases import Leases
from tests.server.lanes import lane_settings
from tests.services import RedisService

BOTS = ["anna", "boris", "clara"]


def play(service: RedisService, directory: Path, scene: Callable[[BatchedRedis], Awaitable[None]]) -> None:
    async def run() -> None:
        client = async_redis_client(lane_settings(service, directory))
        try:
            await scene(BatchedRedis(client))
        finally:
            await client.aclose()

    asyncio.run(run())


def test_a_lane_has_one_owner(clean_redis: redis.Redis, redis_service: RedisService, tmp_path: Path) -> None:
    async def scene(link: BatchedRedis) -> None:
        here, there = Leases(link, "here", 3.0), Leases(link, "there", 3.0)
        assert await here.take(BOTS[:2]) == BOTS[:2]
        assert await there.take(BOTS) == ["clara"]
        assert here.value("anna") != here.value("boris")
        await here.release(["anna"])
        assert await there.take(BOTS) == ["anna"]

    play(redis_service, tmp_path, scene)


def test_a_missing_or_foreign_lease_is_not_renewed(
    clean_redis: redis.Redis, redis_service: RedisService, tmp_path: Path
) -> None:
    async def scene(link: BatchedRedis) -> None:
        here = Leases(link, "here", 3.0)
        await here.take(BOTS)
        clean_redis.delete(keys.lease("anna"))
        clean_redis.set(keys.lease("boris"), "there:1", px=3000)
        before = clean_redis.pttl(keys.lease("boris"))
        assert sorted(await here.renew()) == ["anna", "boris"]
        assert clean_redis.get(keys.lease("anna")) is None
        assert clean_redis.pttl(keys.lease("boris")) <= before
        assert "clara" in here and "anna" not in here

    play(redis_service, tmp_path, scene)


def test_a_value_is_new_at_every_taking(clean_redis: redis.Redis, redis_service: RedisService, tmp_path: Path) -> None:
    async def scene(link: BatchedRedis) -> None:
        here = Leases(link, "here", 3.0)
        await here.take(["anna"])
        first = here.value("anna")
        clean_redis.delete(keys.lease("anna"))
        await here.renew()
        await here.take(["anna"])
        assert here.value("anna") != first

    play(redis_service, tmp_path, scene)


def test_an_heir_drops_only_its_own_predecessors_leases(
    clean_redis: redis.Redis, redis_service: RedisService, tmp_path: Path
) -> None:
    async def scene(link: BatchedRedis) -> None:
        for bot, value in zip(BOTS, ("here:1", "here2:1", "there:1"), strict=True):
            clean_redis.set(keys.lease(bot), value)
        assert await Leases(link, "here", 3.0).inherit(BOTS) == 1
        assert [clean_redis.get(keys.lease(bot)) for bot in BOTS] == [None, b"here2:1", b"there:1"]

    play(redis_service, tmp_path, scene)


def test_nobody_is_sure_of_a_lease_that_was_renewed_too_long_ago(
    clean_redis: redis.Redis, redis_service: RedisService, tmp_path: Path
) -> None:
    now_s = 100.0

    async def scene(link: BatchedRedis) -> None:
        nonlocal now_s
        here = Leases(link, "here", 3.0, clock=lambda: now_s)
        await here.take(["anna"])
        assert here.is_sure("anna") and not here.is_sure("boris")
        now_s += 2.9
        assert here.is_sure("anna")
        now_s += 0.2
        assert not here.is_sure("anna")
        await here.renew()
        assert here.is_sure("anna")

    play(redis_service, tmp_path, scene)


def test_a_lease_whose_taking_nobody_waited_for_is_given_back_too(
    clean_redis: redis.Redis, redis_service: RedisService, tmp_path: Path
) -> None:
    """A platform that stops gives up a taking that is on its way; it may take effect all the same."""

    async def scene(link: BatchedRedis) -> None:
        here = Leases(link, "here", 3.0)
        await here.take(["anna"])
        taking = asyncio.create_task(here.take(BOTS))
        await asyncio.sleep(0)  # it was sent
        taking.cancel()
        await here.release_all()
        assert [clean_redis.get(keys.lease(bot)) for bot in BOTS] == [None, None, None]
        assert "anna" not in here and "boris" not in here

    play(redis_service, tmp_path, scene)
