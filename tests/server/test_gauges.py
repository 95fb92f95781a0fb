"""Counts of dead letters and unsolved phrases, from real storage, while somebody looks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import redis

from db import keys
from db.base import Base
from db.bots import Bot
from db.links import async_redis_client
from db.models import Unsolved, UnsolvedStatus
from db.settings import Settings, load_settings
from server import gauges
from server.gauges import Gauges, count_unsolved
from tests.server.lanes import until

ANNA = Bot("anna", 1, 77, "main", 3, True, "", "")
VERA = replace(ANNA, name="vera", bot_id=2)
LOST = replace(ANNA, name="lost", bot_id=3, base="nowhere")


@pytest.fixture
def settings(storage_settings: Path) -> Settings:
    return load_settings(storage_settings, {"SALO_HOME": str(storage_settings.parent)})


def elsewhere(settings: Settings, **storage: str) -> Settings:
    return settings.model_copy(update={"storage": settings.storage.model_copy(update=storage)})


def ask(base: Base, bot_id: int, number: int, status: UnsolvedStatus = UnsolvedStatus.NEW) -> None:
    with base.unit():
        Unsolved.create(rx="x", rx_norm="x", rx_hash=f"{number}", bot_id=bot_id, status=status)


def running(work: Callable[[Gauges], object], settings: Settings, bots: list[Bot], is_watched: bool = False) -> None:
    async def live() -> None:
        held = Gauges(settings, lambda: bots, lambda: is_watched)
        counting = asyncio.create_task(held.run())
        try:
            await work(held)  # type: ignore[misc]
        finally:
            counting.cancel()
            await asyncio.gather(counting, return_exceptions=True)

    asyncio.run(live())


def test_only_what_waits_is_counted(base: Base, settings: Settings) -> None:
    for number, status in enumerate(UnsolvedStatus):
        ask(base, ANNA.bot_id, number, status)
    assert count_unsolved(settings, [("main", 1), ("main", 2), ("nowhere", 3)]) == {1: 2, 2: 0}
    assert count_unsolved(settings, []) == {}


def test_counts_are_fresh_while_somebody_looks(base: Base, settings: Settings, clean_redis: redis.Redis) -> None:
    async def look(held: Gauges) -> None:
        await held.fresh()
        assert (held.dead, held.unsolved(ANNA), held.unsolved(VERA), held.unsolved(LOST)) == (0, 0, 0, None)
        clean_redis.xadd(keys.DEAD, {"bot": "anna"})
        await asyncio.to_thread(ask, base, VERA.bot_id, 1)
        await until(lambda: held.dead == 1 and held.unsolved(VERA) == 1, 4)

    running(look, settings, [ANNA, VERA, LOST])


def test_nobody_is_asked_while_nobody_looks(
    base: Base, settings: Settings, clean_redis: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gauges, "LOOKED_AT_S", 0.1)
    monkeypatch.setattr(gauges, "FRESH_S", 0.1)
    monkeypatch.setattr(gauges, "DEAD_EVERY_S", 0.05)
    monkeypatch.setattr(gauges, "UNSOLVED_EVERY_S", 0.05)

    def asked() -> int:
        return int(clean_redis.info("commandstats")["cmdstat_xlen"]["calls"])

    async def look(held: Gauges) -> None:
        await held.fresh()
        await asyncio.sleep(0.5)
        before = asked()
        await asyncio.sleep(0.3)
        assert asked() == before
        clean_redis.xadd(keys.DEAD, {"bot": "anna"})
        await held.fresh()
        assert held.dead == 1, "who waits for fresh counts gets them"

    running(look, settings, [ANNA])

    async def watch(held: Gauges) -> None:
        before = asked()
        await until(lambda: asked() > before + 5, 4)

    running(watch, settings, [ANNA], is_watched=True)


def test_mariadb_that_is_down_hurts_nothing_else(settings: Settings, clean_redis: redis.Redis) -> None:
    nobody = elsewhere(settings, mariadb="mysql://salo@127.0.0.1:1")
    clean_redis.xadd(keys.DEAD, {"bot": "anna"})

    async def look(held: Gauges) -> None:
        await held.fresh()
        assert held.dead == 1 and held.unsolved(ANNA) is None

    running(look, nobody, [ANNA])


def test_mariadb_that_hangs_is_waited_for_by_one_thread_alone(
    settings: Settings, clean_redis: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[float] = []

    def hang(_settings: Settings, _bots: object) -> dict[int, int]:
        begun.append(time.monotonic())
        time.sleep(1.0)
        return {1: 5}

    monkeypatch.setattr(gauges, "count_unsolved", hang)
    monkeypatch.setattr(gauges, "MARIA_LIMIT_S", 0.2)
    monkeypatch.setattr(gauges, "UNSOLVED_EVERY_S", 0.05)

    async def look(held: Gauges) -> None:
        held.asked()
        clean_redis.xadd(keys.DEAD, {"bot": "anna"})
        await until(lambda: held.dead == 1, 2)
        await asyncio.sleep(0.5)
        assert held.unsolved(ANNA) is None and len(begun) == 1
        await until(lambda: held.unsolved(ANNA) == 5, 3)

    running(look, settings, [ANNA])


def test_redis_that_is_gone_leaves_the_last_count(settings: Settings, clean_redis: redis.Redis) -> None:
    nobody = elsewhere(settings, redis="redis://127.0.0.1:1")

    async def look(held: Gauges) -> None:
        clean_redis.xadd(keys.DEAD, {"bot": "anna"})
        await until(lambda: held.dead == 1, 4)
        assert held._redis is not None
        alive, held._redis = held._redis, async_redis_client(nobody)
        await alive.aclose()
        clean_redis.xadd(keys.DEAD, {"bot": "anna"})
        for _turn in range(2):  # the first may still have been that of the living one
            asked_s = time.monotonic()
            await until(lambda after_s=asked_s: held._dead_s > after_s, 4)  # type: ignore[misc]
        assert held.dead == 1, "Redis that does not answer tells neither 0 nor 2"

    running(look, settings, [], is_watched=True)
