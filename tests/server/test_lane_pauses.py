"""A bot whose messages mostly fail, through its lane: paused, probed, at work again; another bot is not touched."""

from __future__ import annotations

import asyncio
from pathlib import Path

import redis

from db import keys
from db.dead import DeadLetters
from server.dispatcher.breaker import FAILED_MIN
from server.dispatcher.pauses import BREAKER, Rules
from server.snapshots import bot_info
from tests.db.lanes import message, put
from tests.server.lanes import Host, lane_settings, make_bot, running, until
from tests.services import RedisService

RULES = Rules(scale=0.02)  # half a minute is 0.6 s


def say(client: redis.Redis, text: str, peer_id: int, bot: str = "b0") -> str:
    event_id = f"{bot}-{peer_id}"
    put(client, message(peer_id=peer_id, text=text, event_id=event_id), bot)
    return event_id


def rests(host: Host, bot: str = "b0") -> list[str]:
    return [pause.kind for pause in host.dispatcher.lanes()[bot].pauses]


def has_rest(host: Host, step: int) -> bool:
    """Say whether the bot rests for that often, and nothing is under way."""
    lane = host.dispatcher.lanes()["b0"]
    return bool(lane.pauses) and lane.pauses[0].step >= step and lane.in_flight == 0


def counted(client: redis.Redis) -> int:
    """Return how many attempts are noted of all that waits."""
    return sum(int(value.split(b":")[0]) for value in client.hvals(keys.state("b0")))


def test_a_bot_that_mostly_fails_is_paused_and_one_good_message_lets_it_go_on(
    clean_redis: redis.Redis, redis_service: RedisService, tmp_path: Path
) -> None:
    settings = lane_settings(redis_service, tmp_path, vk={"requests_per_s": 1000}, lanes={"attempts": 2})
    for peer_id in range(1, FAILED_MIN + 3):
        say(clean_redis, "retry", peer_id)
    say(clean_redis, "hi", 99, "b1")

    async def scene() -> None:
        async with running(settings, [make_bot(0), make_bot(1)], rules=RULES) as host:
            await until(lambda: rests(host) == [BREAKER])
            under_way = settings.lanes.per_bot
            assert len(host.deeds("begin")) - 1 <= FAILED_MIN + under_way
            info = bot_info(make_bot()[0], host.dispatcher.lanes()["b0"], None, 0)
            assert info.pause == "failing" and info.health is not None
            assert "told to retry" in info.health.text and info.health.state == "bad"
            await until(lambda: [step["event_id"] for step in host.steps("done")] == ["b1-99"])
            await until(lambda: has_rest(host, 0))
            begun, attempts = len(host.deeds("begin")), counted(clean_redis)
            await until(lambda: has_rest(host, 2))
            probes = len(host.deeds("begin")) - begun
            step = host.dispatcher.lanes()["b0"].pauses[0].step
            assert 1 <= probes <= step and counted(clean_redis) == attempts  # one for each step, and none counts
            say(clean_redis, "hi", 99)
            await until(lambda: any(step["event_id"] == "b0-99" for step in host.steps("done")))
            assert BREAKER not in rests(host)

    asyncio.run(scene())


def test_an_heir_does_not_run_into_the_same_wall(
    clean_redis: redis.Redis, redis_service: RedisService, tmp_path: Path
) -> None:
    settings = lane_settings(redis_service, tmp_path, vk={"requests_per_s": 1000})
    for peer_id in range(1, 31):
        say(clean_redis, "die", peer_id)

    async def scene() -> int:
        async with running(settings, [make_bot()]) as host:
            await until(lambda: rests(host) == [BREAKER])
            await until(lambda: host.dispatcher.lanes()["b0"].in_flight == 0)
        begun = len(host.deeds("begin"))
        async with running(settings, [make_bot()], "heir") as host:
            await until(lambda: rests(host) == [BREAKER])
            await until(lambda: host.dispatcher.lanes()["b0"].waiting == 30)
            return len(host.deeds("begin")) - begun

    assert asyncio.run(scene()) == 0
    assert DeadLetters(clean_redis).count() == 0
