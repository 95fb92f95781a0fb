"""Tickers over a real Redis with real processes: ticks end, fail, are killed, paused, taken over, never doubled."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis

from db import keys
from db.errors import NotFound, Refused
from db.secret import Secret
from db.settings import Settings
from db.tickers import Place, TickerState, read, states, write_tick
from server.tickers.declare import Ticker
from tests.server.lanes import lane_settings, until
from tests.server.ticking import HOST, OF_BOT, OF_HOST, OF_LEADER, Clock, Desk, Lanes, ticking
from tests.services import RedisService, start_redis

Scene = Callable[[Desk], Awaitable[None]]


@pytest.fixture
def settings(redis_service: RedisService, clean_redis: redis.Redis, tmp_path: Path) -> Settings:
    return lane_settings(redis_service, tmp_path, lanes={"lease_s": 1.0}, platform={"language": "en"})


@pytest.fixture
def lanes(redis_service: RedisService, clean_redis: redis.Redis) -> Lanes:
    return Lanes(redis_service)


def play(settings: Settings, lanes: Lanes, *tickers: Ticker, clock: Clock | None = None) -> Callable[[Scene], None]:
    """Return a decorator that plays a scene with these tickers at once."""

    def run(scene: Scene) -> None:
        async def whole() -> None:
            async with ticking(settings, lanes, tickers, clock) as desk:
                await scene(desk)

        asyncio.run(whole())

    return run


def stored(client: redis.Redis, key: str, db: int = 0) -> TickerState:
    call = read([Place(key, db)])
    return states(call.script.run(client, call.keys, call.args))[0]


def test_a_bot_is_looked_at_when_it_comes_and_then_once_a_period(
    settings: Settings, lanes: Lanes, clean_redis: redis.Redis
) -> None:
    name = lanes.add()

    @play(settings, lanes, OF_BOT)
    async def scene(desk: Desk) -> None:
        await until(lambda: desk.shown("look", name) and desk.info("look", name).result == "ok")
        info = desk.info("look", name)
        assert (info.state, info.text, info.failures) == ("waiting", "text ok", 0)
        assert info.last_ms == desk.clock.now_ms and info.next_ms is not None
        assert 95_000 <= info.next_ms - info.last_ms <= 105_000
        assert [told.state for told in desk.told if told.last_ms] == ["running", "waiting"]
        health = desk.board.bot_health(name)
        assert health is not None and (health.state, health.ms, health.at_ms) == ("ok", 1.5, info.last_ms)
        desk.advance(94)
        await asyncio.sleep(0.1)
        assert len(desk.ticks()) == 1
        desk.advance(12)
        await until(lambda: len(desk.ticks()) == 2)
        await until(lambda: stored(clean_redis, "ticker:look", 3).last_ms == desk.clock.now_ms)


def test_a_changed_bot_is_looked_at_at_once_with_its_new_token(settings: Settings, lanes: Lanes) -> None:
    name = lanes.add()

    @play(settings, lanes, OF_BOT)
    async def scene(desk: Desk) -> None:
        await until(lambda: desk.ticks())
        lanes.change(name, "another-token")
        await until(lambda: desk.ticks()[-1] == f"look {name} another-token", timeout_s=15)


def test_a_bot_changed_in_the_middle_of_a_tick_is_looked_at_anew(settings: Settings, lanes: Lanes) -> None:
    name = lanes.add()

    @play(settings, lanes, OF_BOT)
    async def scene(desk: Desk) -> None:
        desk.order("hang")
        await until(lambda: desk.ticks())
        desk.order("warn")
        lanes.change(name, "another-token")
        await until(lambda: desk.info("look", name).result == "warn")
        assert desk.ticks() == [f"look {name} token-of-the-bot", f"look {name} another-token"]


def test_a_code_that_a_tick_had_stored_ends_no_tick_and_another_transport_is_looked_at(
    settings: Settings, lanes: Lanes
) -> None:
    name = lanes.add()

    @play(settings, lanes, replace(OF_BOT, deadline_s=lambda _: 30.0))
    async def scene(desk: Desk) -> None:
        desk.order("sleep:0.8")
        await until(lambda: desk.ticks())
        bot, config = lanes.known[name]
        config = replace(config, confirmation=Secret("another"), version=config.version + 1)
        lanes.known[name] = bot, config
        await until(lambda: desk.info("look", name).result == "ok")
        assert len(desk.ticks()) == 1
        lanes.known[name] = replace(bot, transport="both"), config
        await until(lambda: len(desk.ticks()) == 2)


def test_another_public_address_is_looked_at_at_once(
    settings: Settings, lanes: Lanes, clean_redis: redis.Redis
) -> None:
    lanes.add()
    for number, address in enumerate(("https://a.example", "https://a.example", "https://b.example")):
        moved = settings.model_copy(update={"callback": settings.callback.model_copy(update={"public_url": address})})

        @play(moved, lanes, OF_BOT)
        async def scene(desk: Desk, number: int = number) -> None:
            await until(lambda: (info := desk.shown("look", "b0")) and info.next_ms and info.state == "waiting")
            await until(lambda: len(desk.ticks()) == (1, 1, 2)[number])
            await until(lambda: stored(clean_redis, "ticker:look", 3).about == moved.callback.public_url)  # noqa: B023


def test_disabled_and_removed_bots_are_left_alone(settings: Settings, lanes: Lanes) -> None:
    first, second = lanes.add(0), lanes.add(1)

    @play(settings, lanes, OF_BOT)
    async def scene(desk: Desk) -> None:
        await until(lambda: len(desk.ticks()) == 2 and desk.board.bot_health(second))
        lanes.disable(first)
        del lanes.known[second]
        await until(lambda: desk.board.tickers() == [])
        assert desk.board.bot_health(first) is desk.board.bot_health(second) is None


def test_what_is_wrong_is_looked_at_again_sooner(settings: Settings, lanes: Lanes) -> None:
    name = lanes.add()

    @play(settings, lanes, OF_BOT)
    async def scene(desk: Desk) -> None:
        desk.order("bad")
        await until(lambda: desk.shown("look", name) and desk.info("look", name).result == "bad")
        desk.order("ok")
        desk.advance(11)
        await until(lambda: desk.info("look", name).result == "ok")
        health = desk.board.bot_health(name)
        assert health is not None and health.state == "ok"


def test_work_that_is_not_done_is_gone_on_with_sooner(settings: Settings, lanes: Lanes) -> None:
    name = lanes.add()

    @play(settings, lanes, OF_BOT)
    async def scene(desk: Desk) -> None:
        desk.order("more")
        await until(lambda: desk.shown("look", name) and desk.info("look", name).result == "ok")
        desk.order("warn")
        desk.advance(11)
        await until(lambda: desk.info("look", name).result == "warn")


def test_a_restart_keeps_the_rhythm_and_makes_up_for_missed_ticks_with_one(settings: Settings, lanes: Lanes) -> None:
    name, clock = lanes.add(), Clock()

    @play(settings, lanes, OF_BOT, clock=clock)
    async def first(desk: Desk) -> None:
        desk.order("warn")
        await until(lambda: desk.shown("look", name) and desk.info("look", name).result == "warn")
        await until(lambda: not any(duty.task for duty in desk.scheduler._duties))

    clock.now_ms += 5000

    @play(settings, lanes, OF_BOT, clock=clock)
    async def second(desk: Desk) -> None:
        await until(lambda: desk.shown("look", name) and desk.info("look", name).result == "warn")
        health = desk.board.bot_health(name)
        assert health is not None and health.text == "text warn", "what was found is known before the next tick"
        assert len(desk.ticks()) == 1
        desk.advance(6)
        await until(lambda: len(desk.ticks()) == 2 and desk.info("look", name).state == "waiting")
        await until(lambda: not any(duty.task for duty in desk.scheduler._duties))

    clock.now_ms += 1_000_000

    @play(settings, lanes, OF_BOT, clock=clock)
    async def third(desk: Desk) -> None:
        await until(lambda: len(desk.ticks()) == 3)
        await asyncio.sleep(0.2)
        assert len(desk.ticks()) == 3


@pytest.mark.parametrize(
    ("word", "text"), [("hang", "killed"), ("die", "died"), ("junk", "no tick"), ("fail", "told to")]
)
def test_a_tick_that_fails_is_told_and_the_next_one_runs(
    settings: Settings, lanes: Lanes, word: str, text: str
) -> None:
    @play(settings, lanes, OF_HOST)
    async def scene(desk: Desk) -> None:
        await until(lambda: desk.lamp())
        desk.order(word)
        for failures in (1, 2):
            desk.advance(6)
            await until(lambda: desk.info("watch").failures == failures, timeout_s=3)  # noqa: B023
            info = desk.info("watch")
            assert info.result == "failed" and text in info.text
            lamp = desk.lamp()
            assert lamp is not None and lamp.state == "warn", "the disk may be well: nobody has looked"
            assert "the check failed" in lamp.text and text in lamp.text
        desk.order("ok")
        desk.advance(6)
        await until(lambda: desk.info("watch").failures == 0, timeout_s=3)
        lamp = desk.lamp()
        assert lamp is not None and (lamp.state, lamp.text) == ("ok", "disk ok")


def test_a_tick_is_never_doubled(settings: Settings, lanes: Lanes) -> None:
    @play(settings, lanes, OF_HOST)
    async def scene(desk: Desk) -> None:
        desk.order("sleep:0.3")
        await until(lambda: desk.ticks())
        for _ in range(5):
            desk.advance(6)
            await asyncio.sleep(0.02)
        assert len(desk.ticks()) == 1
        await until(lambda: desk.info("watch").state == "waiting")
        desk.advance(6)
        await until(lambda: len(desk.ticks()) == 2)


def test_bots_that_hang_do_not_keep_the_storage_waiting(settings: Settings, lanes: Lanes) -> None:
    for number in range(3):
        lanes.add(number)

    @play(settings, lanes, replace(OF_BOT, deadline_s=lambda _: 30.0), OF_HOST)
    async def scene(desk: Desk) -> None:
        await until(lambda: desk.lamp())
        await until(lambda: len(desk.ticks("look")) == 3)
        desk.order("look=hang")
        desk.advance(200)
        await until(lambda: len(desk.ticks("look")) == 5)
        await until(lambda: desk.info("watch").state == "waiting")
        before = len(desk.ticks("watch"))
        desk.advance(6)
        await until(lambda: len(desk.ticks("watch")) > before, timeout_s=3)
        assert len(desk.ticks("look")) == 5


def test_a_pause_outlives_a_restart_and_one_tick_makes_up_for_it(settings: Settings, lanes: Lanes) -> None:
    name, clock = lanes.add(), Clock()

    @play(settings, lanes, OF_BOT, clock=clock)
    async def first(desk: Desk) -> None:
        await until(lambda: desk.shown("look", name) and desk.info("look", name).result == "ok")
        (info,) = await desk.scheduler.pause("look", name, True)
        assert (info.state, info.next_ms) == ("paused", None)

    clock.now_ms += 1_000_000

    @play(settings, lanes, OF_BOT, clock=clock)
    async def second(desk: Desk) -> None:
        await until(lambda: desk.shown("look", name) and desk.info("look", name).state == "paused")
        desk.advance(1000)
        await asyncio.sleep(0.2)
        assert len(desk.ticks()) == 1
        (info,) = await desk.scheduler.run("look", name)
        assert len(desk.ticks()) == 2 and info.state == "paused", "asked for, it ticks all the same"
        desk.advance(1000)
        (info,) = await desk.scheduler.pause("look", "", False)
        assert info.state == "waiting"
        await until(lambda: len(desk.ticks()) == 3)
        await asyncio.sleep(0.2)
        assert len(desk.ticks()) == 3


def test_lamps_of_a_paused_ticker_say_so_until_it_has_looked_again(settings: Settings, lanes: Lanes) -> None:
    clock = Clock()

    @play(settings, lanes, OF_HOST, clock=clock)
    async def first(desk: Desk) -> None:
        await until(lambda: desk.lamp())
        await desk.scheduler.pause("watch", "", True)
        assert (desk.lamp() or _none()).state == "warn" and "paused" in (desk.lamp() or _none()).text

    @play(settings, lanes, OF_HOST, clock=clock)
    async def second(desk: Desk) -> None:
        await until(lambda: desk.lamp())
        assert "paused" in (desk.lamp() or _none()).text, "also after a restart"
        (info,) = await desk.scheduler.run("watch", "")
        assert info.result == "ok" and "paused" in (desk.lamp() or _none()).text, "one look is soon an old one"
        await desk.scheduler.pause("watch", "", False)
        await until(lambda: (desk.lamp() or _none()).state == "ok", timeout_s=15)


def test_a_clock_that_is_set_back_stops_no_ticker(settings: Settings, lanes: Lanes) -> None:
    lanes.add()

    @play(settings, lanes, OF_BOT, OF_HOST)
    async def scene(desk: Desk) -> None:
        await until(lambda: len(desk.ticks("look")) == len(desk.ticks("watch")) == 1)
        await until(lambda: not any(duty.task for duty in desk.scheduler._duties))
        desk.advance(-3600)
        await until(lambda: len(desk.ticks("look")) == len(desk.ticks("watch")) == 2, timeout_s=3)
        desk.advance(3)
        await asyncio.sleep(0.2)
        assert len(desk.ticks()) == 4, "then they go on in their rhythm"


def test_a_tick_is_run_by_name_and_unknown_names_are_refused(settings: Settings, lanes: Lanes) -> None:
    mine, others = lanes.add(0), lanes.add(1, ours=False)

    @play(settings, lanes, OF_BOT, OF_HOST)
    async def scene(desk: Desk) -> None:
        await until(lambda: desk.shown("look", mine) and desk.info("look", mine).result == "ok")
        assert desk.info("look", others).state == "elsewhere"
        desk.order("warn")
        assert [info.result for info in await desk.scheduler.run("look", "")] == ["warn"]
        assert [info.result for info in await desk.scheduler.run("watch", "")] == ["warn"]
        with pytest.raises(Refused, match="another host"):
            await desk.scheduler.run("look", others)
        with pytest.raises(NotFound, match="there are: look, watch"):
            await desk.scheduler.run("dance", "")
        with pytest.raises(NotFound, match="bot zoe"):
            await desk.scheduler.pause("look", "zoe", True)


def test_a_lane_that_is_lost_takes_its_tickers_along(
    settings: Settings, lanes: Lanes, clean_redis: redis.Redis
) -> None:
    """The tick that runs at that moment writes nothing over what the new owner wrote."""
    name = lanes.add()
    key = keys.ticker("look")

    @play(settings, lanes, OF_BOT)
    async def scene(desk: Desk) -> None:
        desk.order("sleep:0.4")
        await until(lambda: desk.ticks())
        clean_redis.set(keys.lease(name), "host-2:b")
        del lanes.ours[name]
        call = write_tick(Place(key, 3), TickerState(5, 6, 7, "warn", "theirs"))
        call.script.run(clean_redis, call.keys, call.args)
        await until(lambda: desk.info("look", name).state == "elsewhere")
        await until(lambda: not any(duty.task for duty in desk.scheduler._duties))
        assert stored(clean_redis, key, 3).text == "theirs"
        desk.advance(1000)
        await asyncio.sleep(0.2)
        assert len(desk.ticks()) == 1
        lanes.take(name, "host-1:c")
        await until(lambda: len(desk.ticks()) == 2)


def test_a_message_that_vk_refuses_the_token_for_hurries_the_look(settings: Settings, lanes: Lanes) -> None:
    name = lanes.add()

    @play(settings, lanes, replace(OF_BOT, name="bot_health"))
    async def scene(desk: Desk) -> None:
        await until(lambda: desk.shown("bot_health", name) and desk.info("bot_health", name).result == "ok")
        desk.advance(20)
        for _ in range(100):
            desk.scheduler.heard("event", {"bot": name, "step": "buried", "reason": "VK error 5: no"})
        await until(lambda: len(desk.ticks()) == 2 and desk.info("bot_health", name).state == "waiting", timeout_s=15)
        for _ in range(100):
            desk.scheduler.heard("event", {"bot": name, "step": "buried", "reason": "VK error 5: no"})
        await asyncio.sleep(0.2)
        assert len(desk.ticks()) == 2, "a flood of refusals is no flood of looks"
        desk.advance(4)
        await until(lambda: len(desk.ticks()) == 3, timeout_s=15)


def test_one_host_leads_and_another_takes_over(
    settings: Settings, lanes: Lanes, clean_redis: redis.Redis, tmp_path: Path
) -> None:
    async def scene() -> None:
        async with ticking(settings, lanes, [OF_LEADER], host_id="host-2") as other:
            await until(lambda: other.ticks())
            async with ticking(settings, lanes, [OF_LEADER]) as desk:
                await until(lambda: desk.shown("lead") and desk.info("lead").state == "elsewhere")
                assert clean_redis.get(keys.LEADER).startswith(b"host-2:")  # type: ignore[union-attr,arg-type]
                for task in other.scheduler._tasks:
                    task.cancel()  # it is as good as dead: its lease runs out
                await until(lambda: desk.info("lead").state == "waiting" and desk.info("lead").result, timeout_s=5)
                assert len(desk.ticks()) == 1, "the new leader goes on in the old one's rhythm"
                desk.advance(60)
                await until(lambda: len(desk.ticks()) == 2)
            assert not clean_redis.exists(keys.LEADER), "given back at the end"

    asyncio.run(scene())


def test_without_tickers_for_a_leader_nobody_leads(settings: Settings, lanes: Lanes, clean_redis: redis.Redis) -> None:
    @play(settings, lanes, OF_HOST)
    async def scene(desk: Desk) -> None:
        await until(lambda: desk.lamp())
        assert not clean_redis.exists(keys.LEADER)


def test_a_stop_waits_for_no_tick(settings: Settings, lanes: Lanes) -> None:
    async def scene() -> float:
        async with ticking(settings, lanes, [replace(OF_HOST, deadline_s=lambda _: 60.0)]) as desk:
            desk.order("hang")
            await until(lambda: desk.ticks())
            pids = desk.pool.pids
            started_s = time.monotonic()
        assert not any(psutil.pid_exists(pid) for pid in pids)
        return time.monotonic() - started_s

    assert asyncio.run(scene()) < 2


def test_a_redis_that_hangs_stops_neither_the_ticks_of_the_host_nor_the_lamps(tmp_path: Path) -> None:
    service = start_redis(tmp_path / "redis")
    settings = lane_settings(service, tmp_path)
    lanes = Lanes(service)

    @play(settings, lanes, OF_HOST)
    async def scene(desk: Desk) -> None:
        await until(lambda: desk.lamp())
        os.kill(service.process.pid, signal.SIGSTOP)
        try:
            desk.order("bad")
            for _ in range(2):
                before = len(desk.ticks())
                desk.advance(6)
                await until(lambda: len(desk.ticks()) > before, timeout_s=4)  # noqa: B023
            await until(lambda: (desk.lamp() or _none()).state == "bad")
        finally:
            os.kill(service.process.pid, signal.SIGCONT)
        desk.order("ok")
        desk.advance(6)
        await until(lambda: (desk.lamp() or _none()).state == "ok")

    service.stop()


def _none() -> Any:
    raise AssertionError("there is no lamp")


def test_a_redis_that_is_silent_from_the_start_does_not_keep_the_host_from_looking(
    settings: Settings, lanes: Lanes, redis_service: RedisService
) -> None:
    async def scene() -> None:
        os.kill(redis_service.process.pid, signal.SIGSTOP)
        try:
            async with ticking(settings, lanes, [OF_HOST]) as desk:
                await until(lambda: desk.lamp(), timeout_s=5)
        finally:
            os.kill(redis_service.process.pid, signal.SIGCONT)

    asyncio.run(scene())


def test_an_outage_is_no_failure_of_the_ticker(settings: Settings, lanes: Lanes) -> None:
    name = lanes.add()

    @play(settings, lanes, OF_BOT)
    async def scene(desk: Desk) -> None:
        await until(lambda: desk.shown("look", name) and desk.info("look", name).result == "ok")
        desk.order("outage")
        desk.advance(200)
        await until(lambda: len(desk.ticks()) == 2 and desk.info("look", name).state == "waiting")
        info = desk.info("look", name)
        assert (info.result, info.failures) == ("ok", 0)
        assert info.next_ms is not None and info.next_ms - desk.clock.now_ms < 11_000


def test_the_state_of_a_host_lies_under_its_name(settings: Settings, lanes: Lanes, clean_redis: redis.Redis) -> None:
    @play(settings, lanes, OF_HOST)
    async def scene(desk: Desk) -> None:
        await until(lambda: stored(clean_redis, f"ticker:watch:{HOST}").result == "ok")
