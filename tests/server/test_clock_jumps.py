"""The clock is set forward and back, by an hour and by a day, while lanes work: nothing is lost, doubled or silent.

``SALO_SEED`` repeats a run's dice.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from db import codec, keys
from db.accept import Event, Outcome, accept
from db.inbox import Tried
from server.dispatcher.clock import RedisClock
from server.dispatcher.conversations import DELAY_MAX_MS, Conversations
from tests.db.lanes import message
from tests.server.lanes import Host, journal_rows, lane_settings, make_bot, rows_by_event, running, until
from tests.server.test_conversations import entry
from tests.services import RedisService, start_redis
from tests.shifted_clock import ShiftedClock

HOUR_S, DAY_S = 3600, 86_400
PEERS = 4
NOW = 1_800_000_000_000


@pytest.fixture
def clock(tmp_path: Path) -> ShiftedClock:
    return ShiftedClock(tmp_path)


@pytest.fixture
def jumpy_redis(clock: ShiftedClock, tmp_path: Path) -> Iterator[RedisService]:
    service = start_redis(tmp_path / "redis", env=clock.env)
    yield service
    service.stop()


class People:
    """Write to the bots as VK tells it, through the accept script: dates are VK's, which nobody sets."""

    def __init__(self, client: redis.Redis, dice: random.Random) -> None:
        self._client, self._dice = client, dice
        self._numbers: dict[int, int] = defaultdict(int)
        self.events: list[Event] = []

    def write(self, text: str, peer_id: int, age_s: int = 0) -> None:
        self._numbers[peer_id] += 1
        cmid = self._numbers[peer_id]
        envelope = message(peer_id=peer_id, cmid=cmid, text=text, event_id=f"e-{peer_id}-{cmid}", age_s=age_s)
        event = Event(100, envelope["event_id"], "message_new", peer_id, cmid, peer_id, codec.dumps(envelope))
        assert accept(self._client, "b0", event, 0, 1000) is Outcome.ACCEPTED
        self.events.append(event)

    def write_much(self) -> None:
        for peer_id in range(1, PEERS + 1):
            for _ in range(2):
                self.write(self._dice.choice(["hi", "sleep:0.1", "sleep:0.3", "once retry", "once die"]), peer_id)

    def repeat(self) -> None:
        """VK did not hear our last answers."""
        for event in self.events[-PEERS:]:
            accept(self._client, "b0", event, 0, 1000)


def settled(host: Host) -> int:
    return len(host.steps("done"))


def test_jumps_of_the_clock_lose_double_and_silence_nothing(
    jumpy_redis: RedisService, clock: ShiftedClock, tmp_path: Path
) -> None:
    seed = int(os.environ.get("SALO_SEED") or time.time_ns() % 1_000_000)
    print(f"SALO_SEED={seed}")
    dice = random.Random(seed)
    jumps = [HOUR_S, -HOUR_S, DAY_S, -DAY_S]
    dice.shuffle(jumps)
    vk, engine = {"requests_per_s": 100}, {"deadline_s": 5.0}
    settings = lane_settings(jumpy_redis, tmp_path, vk=vk, lanes={"lease_s": 1.0}, engine=engine)
    client = jumpy_redis.client()
    people = People(client, dice)

    async def scene() -> None:
        async with running(settings, [make_bot()]) as host:
            for jump_s in jumps:
                begun = len(host.deeds("begin"))
                people.write_much()
                await until(lambda begun=begun: len(host.deeds("begin")) > begun + dice.randrange(4))  # type: ignore[misc]
                clock.jump(jump_s)
                if (
                    jump_s < DAY_S
                ):  # a day ahead it is forgotten what was seen; VK hides a second answer by its random_id
                    people.repeat()
                people.write_much()
                await until(lambda: len(rows_by_event(client)) == len(people.events), timeout_s=15)
            assert host.steps("buried") == host.steps("ignored") == []
            assert all(step["age_ms"] >= 0 for step in host.events)
            numbers: dict[int, list[int]] = defaultdict(list)
            for deed in host.deeds("sent"):
                numbers[deed.peer_id].append(int(deed.event_id.split("-")[2]))
            for sent in numbers.values():
                assert list(dict.fromkeys(sent)) == sorted(set(sent)), "out of order"

    asyncio.run(scene())
    assert rows_by_event(client) == {event.event_id: 1 for event in people.events}
    assert client.xlen(keys.inbox("b0")) == 0
    assert not client.exists(keys.state("b0"))


def test_clock_that_is_ahead_makes_no_message_old_and_an_old_one_stays_old(
    jumpy_redis: RedisService, clock: ShiftedClock, tmp_path: Path
) -> None:
    settings = lane_settings(jumpy_redis, tmp_path, lanes={"lease_s": 1.0})
    people = People(jumpy_redis.client(), random.Random(1))

    async def scene() -> None:
        async with running(settings, [make_bot()]) as host:
            people.write("hi", 1)
            await until(lambda: settled(host) == 1)
            clock.jump(HOUR_S)
            for peer_id in range(2, 5):
                people.write("hi", peer_id)
                await until(lambda: settled(host) == peer_id)  # noqa: B023
            people.write("hi", 5, age_s=HOUR_S + 5)
            await until(lambda: len(host.steps("ignored")) == 1)
            clock.jump(-HOUR_S)
            people.write("hi", 6)
            people.write("hi", 7, age_s=HOUR_S)
            await until(lambda: settled(host) == 5 and len(host.steps("ignored")) == 2)

    asyncio.run(scene())
    assert {row["reason"] for row in journal_rows(jumpy_redis.client()) if row["op"] == "ignored"} == {"stale"}


def test_slots_of_a_future_that_was_taken_back_block_no_bot(
    jumpy_redis: RedisService, clock: ShiftedClock, tmp_path: Path
) -> None:
    settings = lane_settings(jumpy_redis, tmp_path, vk={"requests_per_s": 3}, lanes={"lease_s": 1.0})
    people = People(jumpy_redis.client(), random.Random(1))

    async def scene() -> None:
        clock.set(HOUR_S)
        async with running(settings, [make_bot()]) as host:
            for peer_id in range(1, 4):
                people.write("sleep:0.5", peer_id, age_s=-HOUR_S)
            await until(lambda: len(host.deeds("begin")) == 3)
            assert jumpy_redis.client(3).zcard(keys.RATE) == 3
            clock.set(0)
            people.write("hi", 5)
            await until(lambda: settled(host) == 4, timeout_s=6)

    asyncio.run(scene())


def test_lease_of_a_dead_owner_that_ends_in_a_day_is_taken(
    jumpy_redis: RedisService, clock: ShiftedClock, tmp_path: Path
) -> None:
    settings = lane_settings(jumpy_redis, tmp_path, lanes={"lease_s": 1.0})
    client = jumpy_redis.client()
    clock.set(DAY_S)
    client.set(keys.lease("b0"), "there:token", px=60_000)
    clock.set(0)
    people = People(client, random.Random(1))

    async def scene() -> None:
        async with running(settings, [make_bot()]) as host:
            people.write("hi", 1)
            await until(lambda: settled(host) == 1)

    asyncio.run(scene())


# The same as values.


def test_clock_counts_what_it_jumped_ahead_and_takes_it_off_again() -> None:
    steady_s = [1000.0]
    known = RedisClock(lambda: steady_s[0])
    known.seen(NOW)
    steady_s[0] += 60
    assert known.now_ms() == NOW + 60_000 and known.late_ms(NOW, NOW) == 60_000
    known.seen(NOW + 60_000 + HOUR_S * 1000)
    assert known.late_ms(NOW, NOW) == 60_000
    known.seen(NOW + 62_000 + HOUR_S * 1000)  # an answer that took its time
    assert known.late_ms(NOW, NOW) == 62_000
    known.seen(NOW + 62_000)
    assert known.late_ms(NOW, NOW) == 62_000
    back = NOW + 62_000 - DAY_S * 1000
    known.seen(back)
    assert known.late_ms(back, back) <= 0
    known.seen(back + HOUR_S * 1000)  # still behind: what waited is not old by that, and what comes is not either
    assert known.late_ms(back, back) <= 0 and known.late_ms(back + HOUR_S * 1000, back + HOUR_S * 1000) == 0
    known.seen(NOW + 62_000)
    late = known.now_ms() - HOUR_S * 1000
    assert known.late_ms(late, known.now_ms()) == HOUR_S * 1000, "set right, it is ahead of nobody"


def test_delays_of_another_time_end_at_once_behind_whatever_else_is_delayed() -> None:
    conversations = Conversations(10)
    back = NOW - HOUR_S * 1000
    conversations.add(entry(1, peer_id=1), Tried(1, NOW + 60_000, "x"))
    conversations.add(entry(2, peer_id=2))
    assert not conversations.has_ready(NOW) or ((taken := conversations.take(NOW)) and taken.peer_id == 2)
    conversations.delay(entry(2, peer_id=2), Tried(1, back + DELAY_MAX_MS, "x"))
    found = conversations.take(back)
    assert found is not None and found.peer_id == 1
    assert conversations.take(back) is None
