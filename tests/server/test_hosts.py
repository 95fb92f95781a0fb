"""How hosts share the bots: the shares alone, then dispatchers that come, go and die over one Redis."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import redis
from hypothesis import given
from hypothesis import strategies as st

from db import keys
from db.settings import Settings
from server.dispatcher.hosts import share, surplus
from tests.server.lanes import Host, lane_settings, make_bot, running, until
from tests.server.test_lanes import say
from tests.services import RedisService

BOTS = [make_bot(number) for number in range(8)]

hosts_with_lanes = st.dictionaries(st.text(min_size=1, max_size=5), st.integers(0, 30), min_size=1, max_size=6)


@given(hosts_with_lanes, st.integers(0, 100))
def test_shares_add_up_and_are_even(lanes: dict[str, int], bots: int) -> None:
    shares = [share(host, lanes, bots) for host in lanes]
    assert sum(shares) == bots and max(shares) - min(shares) <= 1


@given(hosts_with_lanes)
def test_who_gives_up_a_surplus_is_left_with_a_share_and_feeds_all_that_lack(lanes: dict[str, int]) -> None:
    bots = sum(lanes.values())
    given_up = {host: surplus(host, lanes, bots) for host in lanes}
    assert all(lanes[host] - count >= share(host, lanes, bots) for host, count in given_up.items() if count)
    assert sum(given_up.values()) == sum(max(share(host, lanes, bots) - count, 0) for host, count in lanes.items())


def test_a_host_with_too_much_keeps_it_while_nobody_lacks() -> None:
    assert surplus("a", {"a": 9, "b": 4}, 8) == 0
    assert surplus("b", {"a": 0, "b": 1}, 1) == 0


def lanes_of(*hosts: Host) -> list[int]:
    return [sum(lane.lane == "running" for lane in host.dispatcher.lanes().values()) for host in hosts]


def test_hosts_that_come_and_go_share_the_bots(
    clean_redis: redis.Redis, redis_service: RedisService, tmp_path: Path
) -> None:
    """Messages are answered all the while, each once."""

    def settings(name: str) -> Settings:
        (tmp_path / name).mkdir()
        return lane_settings(redis_service, tmp_path / name, lanes={"lease_s": 0.6}, vk={"requests_per_s": 1000})

    async def scene() -> None:
        async with AsyncExitStack() as stack:
            first = await stack.enter_async_context(running(settings("a"), BOTS, "a"))
            await until(lambda: lanes_of(first) == [8])
            hosts = [first]

            async def talk(peer_id: int, *more: Host) -> None:
                hosts.extend(more)
                for bot, _config in BOTS:
                    say(clean_redis, "hi", peer_id, bot=bot.name)
                await until(lambda: sum(len(host.steps("done")) for host in hosts) == peer_id * len(BOTS))

            await talk(1)
            async with running(settings("b"), BOTS, "b") as second:
                await until(lambda: lanes_of(first, second) == [4, 4])
                await talk(2, second)
                async with running(settings("c"), BOTS, "c") as third:
                    await until(lambda: lanes_of(first, second, third) == [3, 3, 2])
                    await talk(3, third)
                    elsewhere = [lane for lane in third.dispatcher.lanes().values() if lane.lane == "elsewhere"]
                    await until(lambda: [host.lanes for host in third.dispatcher.hosts()] == [3, 3, 2])
                    assert len(elsewhere) == 6
                await until(lambda: lanes_of(first, second) == [4, 4])
                assert [host.name for host in first.dispatcher.hosts()] == ["a", "b"]
                for task in second.dispatcher._tasks:  # as one that was frozen
                    task.cancel()
                await until(lambda: lanes_of(first) == [8])
                await until(lambda: [host.gone_ms > 0 for host in first.dispatcher.hosts()] == [False, True])
                await talk(4)

    asyncio.run(scene())
    assert not clean_redis.exists(*(keys.state(bot.name) for bot, _config in BOTS))
