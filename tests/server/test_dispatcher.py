"""The dispatcher: which lanes a host runs, and what follows when hosts, connections and Redis itself fail."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import redis

from db import codec, keys
from db.bot_config import BotConfig
from db.bots import Bot
from db.settings import Settings
from server.dispatcher import dispatcher as dispatcher_module
from server.dispatcher.lane import Lane
from server.dispatcher.pool import WorkerHandle
from tests.db.lanes import message, put
from tests.server.lanes import lane_settings, make_bot, read_deeds, rows_by_event, running, until
from tests.services import RedisService, start_redis, wait_until

ROOT = Path(__file__).resolve().parents[2]
StartHost = Callable[[Settings, str], "subprocess.Popen[bytes]"]


@pytest.fixture
def start_host(tmp_path: Path) -> Iterator[StartHost]:
    """Starts hosts as processes; kills those that are left."""
    started: list[subprocess.Popen[bytes]] = []

    def start(settings: Settings, host_id: str) -> subprocess.Popen[bytes]:
        argv = [sys.executable, "-m", "tests.server.lane_host", str(settings.source), host_id, "2"]
        host = subprocess.Popen([*argv, str(tmp_path / "deeds")], cwd=ROOT)
        started.append(host)
        return host

    yield start
    for host in started:
        host.kill()
        host.wait()


def say(client: redis.Redis, text: str, cmid: int = 1, bot: str = "b0", peer_id: int = 7) -> str:
    event_id = f"{bot}-{peer_id}-{cmid}"
    put(client, message(peer_id=peer_id, cmid=cmid, text=text, event_id=event_id), bot)
    return event_id


def owner(client: redis.Redis, bot: str = "b0") -> str:
    return (client.get(keys.lease(bot)) or b"").decode().partition(":")[0]


def test_an_heir_goes_on_at_once(
    clean_redis: redis.Redis, redis_service: RedisService, tmp_path: Path, start_host: StartHost
) -> None:
    """Killed in the middle of a job; the same host comes back and does not wait for its own lease."""
    settings = lane_settings(redis_service, tmp_path, lanes={"lease_s": 30.0})
    dead = start_host(settings, "here")
    say(clean_redis, "once hang")
    wait_until(lambda: read_deeds(tmp_path / "deeds", "begin"))
    dead.kill()
    dead.wait()

    async def scene() -> None:
        begin = time.monotonic()
        async with running(settings, [make_bot()]) as host:
            await until(lambda: host.steps("done"))
            assert time.monotonic() - begin < 3
            assert host.steps("done")[0]["attempt"] == 2

    asyncio.run(scene())
    assert rows_by_event(clean_redis) == {"b0-7-1": 1}


def test_another_host_takes_over_when_the_lease_has_run_out(
    clean_redis: redis.Redis, redis_service: RedisService, tmp_path: Path, start_host: StartHost
) -> None:
    settings = lane_settings(redis_service, tmp_path, lanes={"lease_s": 1.0})
    dead = start_host(settings, "there")
    wait_until(lambda: owner(clean_redis) == "there")

    async def scene() -> None:
        async with running(settings, [make_bot(0), make_bot(1)]) as host:
            assert host.dispatcher.lanes()["b0"].lane == "elsewhere"
            dead.kill()
            say(clean_redis, "hi")
            await until(lambda: host.steps("done"), timeout_s=5)
            assert owner(clean_redis) == "here"

    asyncio.run(scene())


def test_a_frozen_host_comes_back_and_settles_nothing(
    clean_redis: redis.Redis, redis_service: RedisService, tmp_path: Path, start_host: StartHost
) -> None:
    settings = lane_settings(redis_service, tmp_path, lanes={"lease_s": 0.6})
    frozen = start_host(settings, "there")
    say(clean_redis, "sleep:0.3")
    wait_until(lambda: read_deeds(tmp_path / "deeds", "begin"))
    os.kill(frozen.pid, signal.SIGSTOP)

    async def scene() -> None:
        async with running(settings, [make_bot(0), make_bot(1)]) as host:
            await until(lambda: host.steps("done"))
            os.kill(frozen.pid, signal.SIGCONT)
            say(clean_redis, "hi", 2)
            await until(lambda: len(host.steps("done")) == 2)
            await until(lambda: owner(clean_redis) == "here" == owner(clean_redis, "b1"))

    asyncio.run(scene())
    assert rows_by_event(clean_redis) == {"b0-7-1": 1, "b0-7-2": 1}
    # It lives, knows that it lost both lanes, and takes what was given back.
    wait_until(lambda: owner(clean_redis) == "there" == owner(clean_redis, "b1"))


def test_a_host_that_stops_finishes_its_jobs_and_gives_its_leases_back(
    clean_redis: redis.Redis, redis_service: RedisService, tmp_path: Path, start_host: StartHost
) -> None:
    settings = lane_settings(redis_service, tmp_path, lanes={"lease_s": 30.0})
    leaving = start_host(settings, "there")
    wait_until(lambda: owner(clean_redis) == "there" == owner(clean_redis, "b1"))
    say(clean_redis, "sleep:0.4")
    wait_until(lambda: read_deeds(tmp_path / "deeds", "begin"))

    async def scene() -> None:
        async with running(settings, [make_bot(0), make_bot(1)]) as host:
            leaving.terminate()
            await until(lambda: owner(clean_redis) == "here", timeout_s=5)
            assert rows_by_event(clean_redis) == {"b0-7-1": 1}
            assert host.steps("done") == []

    asyncio.run(scene())
    assert leaving.wait(5) == 0


def test_bots_come_change_and_go_while_it_runs(
    clean_redis: redis.Redis, redis_service: RedisService, tmp_path: Path
) -> None:
    settings = lane_settings(redis_service, tmp_path)

    async def scene() -> None:
        async with running(settings, []) as host:

            def change(*bots: object) -> None:
                host.bots[:] = list(bots)  # type: ignore[arg-type]
                clean_redis.incr(keys.BOTS_VERSION)
                clean_redis.publish(keys.BOTS_CHANGED, "b0")

            say(clean_redis, "hi")
            assert host.dispatcher.lanes() == {}
            bot, config = make_bot()
            change((bot, config))
            await until(lambda: len(host.steps("done")) == 1, timeout_s=1)

            say(clean_redis, "sleep:0.3", 2)
            await until(lambda: len(host.deeds("begin")) == 2)
            change((replace(bot, enabled=False), config))
            await until(lambda: len(host.steps("done")) == 2)  # the running job ends in peace
            await until(lambda: host.dispatcher.lanes()["b0"].lane == "stopped")
            await until(lambda: owner(clean_redis) == "")
            say(clean_redis, "hi", 3)
            change((bot, config))
            await until(lambda: len(host.steps("done")) == 3, timeout_s=1)

            # Removed, and added again under its name: another database, another inbox.
            clean_redis.delete(keys.lease("b0"), keys.inbox("b0"), keys.state("b0"))
            change()
            await until(lambda: host.dispatcher.lanes() == {})
            change((replace(bot, bot_id=9, db=8), config))
            say(clean_redis, "hi", 4)
            await until(lambda: len(host.steps("done")) == 4)
            assert redis_service.client(8).exists(keys.RATE)

    asyncio.run(scene())


@pytest.mark.parametrize("left", [[], [make_bot(enabled=False)]])
def test_a_bot_that_changed_while_its_lease_was_taken_gets_no_lane_until_it_is_back(
    clean_redis: redis.Redis, redis_service: RedisService, tmp_path: Path, left: list[tuple[Bot, BotConfig]]
) -> None:
    settings = lane_settings(redis_service, tmp_path, lanes={"lease_s": 0.5})

    async def scene() -> None:
        async with running(settings, []) as host:
            leases, reload = host.dispatcher._leases, host.dispatcher._reload
            take = leases.take
            was_taken = asyncio.Event()

            async def slow_take(bots: Iterable[str], most: int) -> list[str]:
                taken = await take(bots, most)
                if taken and not was_taken.is_set():
                    host.bots[:] = left
                    await reload()
                    was_taken.set()
                return taken

            leases.take = slow_take  # type: ignore[method-assign]
            host.dispatcher._tasks[2].cancel()  # nobody else reads the bots again
            host.bots[:] = [make_bot()]
            await reload()
            await was_taken.wait()
            await until(lambda: not owner(clean_redis))
            assert "running" not in {info.lane for info in host.dispatcher.lanes().values()}
            host.bots[:] = [make_bot()]
            await reload()
            say(clean_redis, "hi")
            await until(lambda: host.steps("done"))

    asyncio.run(scene())


def test_a_fault_of_ours_stops_no_bot_for_good(
    clean_redis: redis.Redis, redis_service: RedisService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many faults as there are workers: none is lost either."""
    settings = lane_settings(redis_service, tmp_path)
    begin, faults = Lane.begin, ["fault"] * settings.engine.workers

    def faulty(lane: Lane, worker: WorkerHandle) -> None:
        if faults:
            raise RuntimeError(faults.pop())
        begin(lane, worker)

    monkeypatch.setattr(Lane, "begin", faulty)

    async def scene() -> None:
        async with running(settings, [make_bot()]) as host:
            cmid = 0
            while faults and cmid < 200:
                say(clean_redis, "hi", cmid := cmid + 1, peer_id=cmid)
                await asyncio.sleep(0.02)
            say(clean_redis, "hi", cmid + 1, peer_id=cmid + 1)
            await until(lambda: len(host.steps("done")) == cmid + 1)

    asyncio.run(scene())


def test_a_lost_change_of_bots_is_noticed(
    clean_redis: redis.Redis, redis_service: RedisService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatcher_module, "SWEEP_S", 0.1)
    settings = lane_settings(redis_service, tmp_path)

    async def scene() -> None:
        async with running(settings, []) as host:
            await asyncio.sleep(0)
            host.bots.append(make_bot())
            clean_redis.incr(keys.BOTS_VERSION)
            await until(lambda: "b0" in host.dispatcher.lanes())

    asyncio.run(scene())


def put_silently(client: redis.Redis, cmid: int) -> None:
    """Put an event into the inbox as if its wake-up had been lost."""
    event = message(cmid=cmid, event_id=f"silent-{cmid}")
    fields = {"e": codec.dumps(event), "t": "message_new", "p": 7, "c": cmid, "f": 7, "i": f"silent-{cmid}"}
    client.xadd(keys.inbox("b0"), {**fields, "a": int(time.time() * 1000)})  # type: ignore[dict-item]


def test_a_lost_wake_up_is_made_good_by_the_sweep(
    clean_redis: redis.Redis, redis_service: RedisService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatcher_module, "SWEEP_S", 0.1)
    settings = lane_settings(redis_service, tmp_path)

    async def scene() -> None:
        async with running(settings, [make_bot()]) as host:
            for cmid in (1, 2):
                put_silently(clean_redis, cmid)
                await until(lambda: len(host.steps("done")) == cmid)  # noqa: B023

    asyncio.run(scene())


def test_a_cut_subscription_is_renewed_and_everything_read_again(
    clean_redis: redis.Redis, redis_service: RedisService, tmp_path: Path
) -> None:
    settings = lane_settings(redis_service, tmp_path)

    async def scene() -> None:
        async with running(settings, [make_bot()]) as host:
            say(clean_redis, "hi", 1)
            await until(lambda: len(host.steps("done")) == 1)
            put_silently(clean_redis, 2)
            clean_redis.client_kill_filter(_type="pubsub")
            await until(lambda: len(host.steps("done")) == 2, timeout_s=3)
            await until(lambda: clean_redis.pubsub_numpat() == 1)
            say(clean_redis, "hi", 3)
            await until(lambda: len(host.steps("done")) == 3, timeout_s=1)

    asyncio.run(scene())


def test_forgotten_scripts_and_full_memory_stop_no_lane(
    clean_redis: redis.Redis, redis_service: RedisService, tmp_path: Path
) -> None:
    """Settling makes room, so the owner's scripts may write when memory is out."""
    settings = lane_settings(redis_service, tmp_path)

    async def scene() -> None:
        async with running(settings, [make_bot()]) as host:
            say(clean_redis, "sleep:0.2", 1)
            say(clean_redis, "once retry", 2)
            await until(lambda: host.deeds("begin"))
            clean_redis.script_flush()
            clean_redis.config_set("maxmemory", 1)
            try:
                await until(lambda: len(host.steps("done")) == 2)
            finally:
                clean_redis.config_set("maxmemory", 0)

    asyncio.run(scene())


def test_a_killed_redis_loses_and_doubles_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Killed again and again under load, with jobs in flight and settles on their way."""
    directory = tmp_path / "redis"
    service = start_redis(directory)
    settings = lane_settings(
        service, tmp_path, vk={"requests_per_s": 1000}, lanes={"per_bot": 8, "lease_s": 30.0}, engine={"workers": 8}
    )
    client = service.client()
    for cmid in range(1, 31):
        for peer_id in range(1, 11):
            say(client, "sleep:0.004", cmid, peer_id=peer_id)

    async def scene() -> None:
        nonlocal service
        async with running(settings, [make_bot()]) as host:
            for kill in range(1, 4):
                await until(lambda: len(host.deeds("sent")) > 60 * kill)  # noqa: B023
                service.stop()
                await asyncio.sleep(0.05)
                service = await asyncio.to_thread(start_redis, directory)
            await until(lambda: service.client().xlen(keys.inbox("b0")) == 0, timeout_s=20)
            for peer_id in range(1, 11):
                numbers = [int(deed.event_id.split("-")[2]) for deed in host.deeds("sent") if deed.peer_id == peer_id]
                assert list(dict.fromkeys(numbers)) == list(range(1, 31))

    try:
        asyncio.run(scene())
        rows = rows_by_event(service.client())
        assert len(rows) == 300 and set(rows.values()) == {1}
        assert not service.client().exists(keys.state("b0"))
        assert "given up" not in caplog.text  # the lane goes on with what it has in memory
    finally:
        service.stop()
