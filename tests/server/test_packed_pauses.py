"""Lanes that pack and then rest: what was composed goes back without a doubt, one message is the probe."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from db import keys
from db.dead import DeadLetters
from db.links import redis_client
from server.dispatcher import handling
from server.dispatcher.pauses import Rules
from tests.emulation import EmulatorClient, running_emulator
from tests.engine.bench import GROUP, TOKEN, Bench, Room, open_room
from tests.server.answering import Answering, answering, make_bot, say, until

PEERS = range(101, 161)


@pytest.fixture(scope="module")
def emulator() -> Iterator[EmulatorClient]:
    with running_emulator(rate_limit=0) as running:
        running.community(GROUP, TOKEN)
        yield running


@pytest.fixture(scope="module")
def room(emulator: EmulatorClient, storage_tables: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    tables = {"engine": "workers = 4\ndeadline_s = 5.0", "vk": "timeout_s = 0.5\nrequests_per_s = 10"}
    with open_room(tmp_path_factory.mktemp("room"), storage_tables, emulator.url, **tables) as room:
        yield room


@pytest.fixture
def bench(room: Room, clean_redis: redis.Redis, emulator: EmulatorClient, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(handling, "OUTAGE_FIRST_S", 0.2)
    bench = room.bench(clean_redis)
    for peer in PEERS:
        bench.know(peer)
    bench.learn(("привет", "И тебе привет!"))
    emulator.clear_faults()
    return bench


def marks(client: redis.Redis, group_id: int) -> int:
    return len(client.keys(keys.reply_mark(group_id, "*")))


def say_all(client: redis.Redis, emulator: EmulatorClient, bot: Any) -> None:
    for peer in PEERS:
        say(client, emulator, bot, "привет", peer)


def all_done(host: Answering, bot: Any) -> bool:
    return len(host.steps(bot.name, "done")) == len(PEERS)


def assert_each_once(emulator: EmulatorClient, client: redis.Redis, bot: Any) -> None:
    seen = Counter(one["peer_id"] for one in emulator.sent() if one["group_id"] == bot.group_id)
    assert seen == dict.fromkeys(PEERS, 1)
    assert DeadLetters(client).count() == 0 == client.xlen(keys.inbox(bot.name))
    assert marks(client, bot.group_id) == 0


@pytest.mark.parametrize(
    ("number", "fault", "kind", "scale"),
    [
        (70, {"kind": "error", "code": 5}, "token", 0.03),
        (71, {"kind": "error", "code": 6}, "rate", 0.5),
        (72, {"kind": "error", "code": 29, "method": "messages.send"}, "method:messages.send", 0.01),
    ],
)
def test_a_backlog_that_vk_refuses_waits_without_a_doubt_and_goes_out_later(
    bench: Bench,
    emulator: EmulatorClient,
    clean_redis: redis.Redis,
    number: int,
    fault: dict[str, Any],
    kind: str,
    scale: float,
) -> None:
    bot, config = make_bot(emulator, bench, number)
    emulator.fault(group_id=bot.group_id, count=0, **fault)
    say_all(clean_redis, emulator, bot)

    async def scene() -> None:
        async with answering(bench, [(bot, config)], Rules(scale=scale)) as host:
            await until(lambda: host.rests(bot.name) == [kind])
            await until(lambda: host.dispatcher.lanes()[bot.name].in_flight == 0 and host.rests(bot.name))
            await until(lambda: marks(clean_redis, bot.group_id) == 0)  # a trial may be on its way by now
            assert host.steps(bot.name, "done", "buried") == []
            assert {value.split(b":")[0] for value in clean_redis.hvals(keys.state(bot.name))} == {b"0"}
            emulator.clear_faults()
            await until(lambda: all_done(host, bot))
            assert host.rests(bot.name) == []
            await until(lambda: not clean_redis.hlen(keys.pauses(bot.name)))  # it is taken back behind the last reply

    asyncio.run(scene())
    assert_each_once(emulator, clean_redis, bot)
    assert clean_redis.hlen(keys.pauses(bot.name)) == 0


def test_a_lane_whose_execute_is_refused_goes_on_one_by_one(
    bench: Bench, emulator: EmulatorClient, clean_redis: redis.Redis
) -> None:
    bot, config = make_bot(emulator, bench, 73)
    emulator.fault(group_id=bot.group_id, count=1, kind="error", code=29, method="execute")
    say_all(clean_redis, emulator, bot)

    async def scene() -> None:
        async with answering(bench, [(bot, config)], Rules()) as host:
            await until(lambda: all_done(host, bot))
            assert host.pauses(bot.name) == {"method:execute"} and host.rests(bot.name) == []
            executed = emulator.read("")["calls"].get("execute", 0) - before.get("execute", 0)
            assert executed <= 3  # those under way when it was found out

    before = emulator.read("")["calls"]
    asyncio.run(scene())
    assert_each_once(emulator, clean_redis, bot)


def test_a_person_who_is_refused_in_a_batch_is_remembered_and_no_others(
    bench: Bench, emulator: EmulatorClient, clean_redis: redis.Redis
) -> None:
    bot, config = make_bot(emulator, bench, 74)
    emulator.fault(group_id=bot.group_id, count=0, kind="error", code=900, method="messages.send", peer=PEERS[20])
    say_all(clean_redis, emulator, bot)

    async def scene() -> None:
        async with answering(bench, [(bot, config)]) as host:
            await until(lambda: len(host.steps(bot.name, "done", "ignored")) == len(PEERS))
            assert [step["peer_id"] for step in host.steps(bot.name, "ignored")] == [PEERS[20]]
            assert host.pauses(bot.name) == set()

    asyncio.run(scene())
    client = redis_client(bench.settings, bot.db)
    assert [peer for peer in PEERS if client.exists(keys.closed(peer))] == [PEERS[20]]
