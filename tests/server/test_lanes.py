"""Lanes over the real Redis with real worker processes: order, fairness, rate, retries, dead letters, give-ups."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import redis

from db import codec, keys
from db.dead import DeadLetters
from tests.db.lanes import BASE, message, put
from tests.server.lanes import journal_rows, lane_settings, make_bot, read_deeds, rows_by_event, running, until
from tests.services import RedisService


def say(client: redis.Redis, text: str, peer_id: int = 7, cmid: int = 1, bot: str = "b0", age_s: int = 0) -> str:
    """Let a person write to a bot; returns the event's id."""
    event_id = f"{bot}-{peer_id}-{cmid}"
    put(client, message(peer_id=peer_id, cmid=cmid, text=text, event_id=event_id, age_s=age_s), bot)
    return event_id


def is_empty(client: redis.Redis, bot: str = "b0") -> bool:
    return client.xlen(keys.inbox(bot)) == 0 and not client.exists(keys.state(bot))


def test_a_message_is_handed_out_at_once_and_journaled_once(
    clean_redis: redis.Redis, redis_service: RedisService, tmp_path: Path
) -> None:
    settings = lane_settings(redis_service, tmp_path)

    async def scene() -> None:
        async with running(settings, [make_bot()]) as host:
            await until(lambda: len(host.pool.pids) == settings.engine.workers)
            await until(lambda: host.dispatcher.lanes()["b0"].lane == "running")
            for number in range(20):
                say(clean_redis, "hi", cmid=number)
                await until(lambda: len(host.steps("done")) == number + 1)  # noqa: B023
            starts = {deed.event_id: deed.at_ns for deed in host.deeds("begin")}
            waits = sorted(starts[step["event_id"]] for step in host.steps("done"))
            assert len(waits) == 20
            ages = sorted(step["age_ms"] for step in host.steps("handed out"))
            assert ages[10] <= 15, ages  # from accept to the worker; a few ms, with room for a shared machine

    asyncio.run(scene())
    assert is_empty(clean_redis)
    history = [row for row in journal_rows(clean_redis) if row["op"] == "history"]
    assert [row["tx"] for row in history] == ["re: hi"] * 20
    assert history[0]["account_id"] == "7" and history[0]["bot_id"] == 1


def test_what_waited_before_the_start_is_handed_out_in_order(
    clean_redis: redis.Redis, redis_service: RedisService, tmp_path: Path
) -> None:
    """VK posts in parallel: of the waiting messages of one conversation the lower number goes first."""
    settings = lane_settings(redis_service, tmp_path, vk={"requests_per_s": 1000})
    for peer_id in (1, 2, 3):
        for cmid in (2, 1, 4, 3, 6, 5):
            say(clean_redis, "hi", peer_id, cmid)

    async def scene() -> None:
        async with running(settings, [make_bot()]) as host:
            await until(lambda: len(host.steps("done")) == 18)
            for peer_id in (1, 2, 3):
                order = [deed.event_id for deed in host.deeds("begin") if deed.peer_id == peer_id]
                assert order == [f"b0-{peer_id}-{cmid}" for cmid in range(1, 7)]

    asyncio.run(scene())
    assert is_empty(clean_redis)


def test_one_message_of_a_conversation_is_in_flight_at_a_time(
    clean_redis: redis.Redis, redis_service: RedisService, tmp_path: Path
) -> None:
    settings = lane_settings(redis_service, tmp_path, vk={"requests_per_s": 1000})
    for cmid in range(1, 6):
        for peer_id in (1, 2):
            say(clean_redis, "sleep:0.05", peer_id, cmid)

    async def scene() -> None:
        async with running(settings, [make_bot()]) as host:
            await until(lambda: len(host.steps("done")) == 10)
            spans = []
            for peer_id in (1, 2):
                begun = [deed.at_ns for deed in host.deeds("begin") if deed.peer_id == peer_id]
                sent = [deed.at_ns for deed in host.deeds("sent") if deed.peer_id == peer_id]
                assert all(ended < begins for ended, begins in zip(sent, begun[1:], strict=False))
                spans.append(list(zip(begun, sent, strict=True)))
            one, other = spans  # and conversations do run beside each other
            assert any(begins < ended and began < ends for began, ended in one for begins, ends in other)

    asyncio.run(scene())


def test_a_backlog_of_one_bot_does_not_slow_another(
    clean_redis: redis.Redis, redis_service: RedisService, tmp_path: Path
) -> None:
    settings = lane_settings(redis_service, tmp_path, vk={"requests_per_s": 1000}, engine={"workers": 2})
    for peer_id in range(1, 301):
        say(clean_redis, "sleep:0.01", peer_id)

    async def scene() -> None:
        async with running(settings, [make_bot(0), make_bot(1)]) as host:
            await until(lambda: len(host.deeds("begin")) > 20)
            for cmid in range(1, 6):
                begin = time.monotonic()
                event_id = say(clean_redis, "hi", 9, cmid, "b1")
                await until(lambda: any(step["event_id"] == event_id for step in host.steps("done")))  # noqa: B023
                assert time.monotonic() - begin < 0.5
            assert len(host.steps("done")) < 250, "the backlog was over before it could hurt"
            await until(lambda: len(host.steps("done")) == 305)

    asyncio.run(scene())


def test_a_peer_with_a_backlog_does_not_stop_other_peers(
    clean_redis: redis.Redis, redis_service: RedisService, tmp_path: Path
) -> None:
    settings = lane_settings(redis_service, tmp_path, vk={"requests_per_s": 1000})
    for cmid in range(1, 41):
        say(clean_redis, "sleep:0.02", 1, cmid)
    say(clean_redis, "hi", 2)

    async def scene() -> None:
        async with running(settings, [make_bot()]) as host:
            await until(lambda: any(deed.peer_id == 2 for deed in host.deeds("sent")))
            assert len(host.deeds("begin")) < 20

    asyncio.run(scene())


def test_a_bot_whose_jobs_hang_leaves_a_worker_to_the_others(
    clean_redis: redis.Redis, redis_service: RedisService, tmp_path: Path
) -> None:
    settings = lane_settings(redis_service, tmp_path, engine={"workers": 2, "deadline_s": 3.0})
    for peer_id in (1, 2, 3):
        say(clean_redis, "hang", peer_id)

    async def scene() -> None:
        async with running(settings, [make_bot(0), make_bot(1)]) as host:
            await until(lambda: host.deeds("begin"))
            say(clean_redis, "hi", bot="b1")
            await until(lambda: host.steps("done"), timeout_s=2)

    asyncio.run(scene())


def test_what_comes_first_in_a_conversation_may_stand_far_behind_in_the_inbox(
    clean_redis: redis.Redis, redis_service: RedisService, tmp_path: Path
) -> None:
    """A lane that begins reads everything before it hands anything out."""
    settings = lane_settings(redis_service, tmp_path, vk={"requests_per_s": 1000})
    put(clean_redis, message(cmid=6, text="hi", event_id="second"), "b0")
    for peer_id in range(1000, 1450):
        put(clean_redis, message(peer_id=peer_id, text="hi", event_id=f"e{peer_id}"), "b0")
    put(clean_redis, message(cmid=5, text="hi", event_id="first"), "b0")

    async def scene() -> None:
        async with running(settings, []) as host:
            await until(lambda: len(host.pool.pids) == settings.engine.workers)
            host.bots[:] = [make_bot()]
            clean_redis.publish(keys.BOTS_CHANGED, "b0")
            while not host.dispatcher._lanes:
                await asyncio.sleep(0)
            while not host.events:
                host.dispatcher._lanes["b0"].offer()  # so do a renewed lease and a changed setting, at any time
                await asyncio.sleep(0)
            await until(lambda: sum(deed.peer_id == 7 for deed in host.deeds("sent")) == 2)
            assert [deed.event_id for deed in host.deeds("sent") if deed.peer_id == 7] == ["first", "second"]

    asyncio.run(scene())


def test_a_bot_has_no_more_jobs_at_a_time_than_its_cap(
    clean_redis: redis.Redis, redis_service: RedisService, tmp_path: Path
) -> None:
    settings = lane_settings(redis_service, tmp_path, vk={"requests_per_s": 1000})
    for peer_id in range(1, 13):
        say(clean_redis, "sleep:0.05", peer_id)
    most = 0

    async def scene() -> None:
        nonlocal most
        async with running(settings, [make_bot(per_bot=2)]) as host:
            while len(host.steps("done")) < 12:
                most = max(most, host.dispatcher.lanes()["b0"].in_flight)
                await asyncio.sleep(0.002)

    asyncio.run(scene())
    assert most == 2


def test_no_second_holds_more_requests_than_the_token_may_make(
    clean_redis: redis.Redis, redis_service: RedisService, tmp_path: Path
) -> None:
    """The worker notes when it would send, a while after the hand-out: what VK would see."""
    settings = lane_settings(redis_service, tmp_path, vk={"requests_per_s": 10, "batch": 1}, lanes={"per_bot": 4})
    for peer_id in range(1, 36):
        say(clean_redis, f"sleep:{0.03 * (peer_id % 4)}", peer_id)

    async def scene() -> None:
        async with running(settings, [make_bot()]) as host:
            begin = time.monotonic()
            await until(lambda: len(host.steps("done")) == 35, timeout_s=20)
            assert time.monotonic() - begin < 6

    asyncio.run(scene())
    sent = sorted(deed.at_ns for deed in read_deeds(tmp_path / "deeds", "sent"))
    assert max(sum(1 for other in sent[at:] if other < moment + 1e9) for at, moment in enumerate(sent)) <= 10


def test_a_slot_is_held_though_its_job_begins_late(
    clean_redis: redis.Redis, redis_service: RedisService, tmp_path: Path
) -> None:
    """A host that stands still while a hand-out is on its way begins the job as late as its lease lasts."""
    settings = lane_settings(redis_service, tmp_path, lanes={"lease_s": 7.0}, engine={"deadline_s": 20.0})

    async def scene() -> None:
        async with running(settings, [make_bot()]) as host:
            seconds, us = clean_redis.time()
            say(clean_redis, "sleep:0.5")
            await until(lambda: host.deeds("begin"))
            [(_slot, ends_us)] = redis_service.client(3).zrange(keys.RATE, 0, -1, withscores=True)
            assert ends_us > seconds * 1_000_000 + us + (7.0 + 20.0 + 1.0) * 1_000_000

    asyncio.run(scene())


def test_slots_that_were_not_used_are_given_back(
    clean_redis: redis.Redis, redis_service: RedisService, tmp_path: Path
) -> None:
    """A busy chat that does not talk to the bot costs the token nothing."""
    settings = lane_settings(redis_service, tmp_path, vk={"requests_per_s": 2})
    for number in range(60):
        say(clean_redis, "ignore", 1 + number % 6, number)

    async def scene() -> None:
        async with running(settings, [make_bot()]) as host:
            await until(lambda: len(host.steps("ignored")) == 60, timeout_s=5)

    asyncio.run(scene())
    rows = journal_rows(clean_redis)
    assert {row["op"] for row in rows} == {"ignored"} and rows[0]["reason"] == "not for us"


def test_a_failed_attempt_is_tried_again_while_its_conversation_waits(
    clean_redis: redis.Redis, redis_service: RedisService, tmp_path: Path
) -> None:
    settings = lane_settings(redis_service, tmp_path)
    say(clean_redis, "once retry", 1, 1)
    say(clean_redis, "hi", 1, 2)
    say(clean_redis, "hi", 2, 1)

    async def scene() -> None:
        async with running(settings, [make_bot()]) as host:
            await until(lambda: len(host.steps("done")) == 3)
            assert [deed.event_id for deed in host.deeds("sent")] == ["b0-2-1", "b0-1-1", "b0-1-2"]
            first, second = (deed for deed in host.deeds("begin") if deed.event_id == "b0-1-1")
            assert second.attempt == 2 and 0.4 <= (second.at_ns - first.at_ns) / 1e9 < 0.8
            (retried,) = host.steps("retry")
            assert retried["reason"] == "told to retry"

    asyncio.run(scene())
    assert rows_by_event(clean_redis) == {"b0-1-1": 1, "b0-1-2": 1, "b0-2-1": 1}
    assert is_empty(clean_redis)


def test_a_message_that_kills_its_worker_becomes_a_dead_letter(
    clean_redis: redis.Redis, redis_service: RedisService, tmp_path: Path
) -> None:
    settings = lane_settings(redis_service, tmp_path, lanes={"attempts": 2})
    for peer_id, text in enumerate(("die", "junk", "long", "retry"), 1):
        say(clean_redis, text, peer_id)
    say(clean_redis, "hi", 1, 2)

    async def scene() -> None:
        async with running(settings, [make_bot()]) as host:
            await until(lambda: len(host.steps("buried")) == 4 and len(host.steps("done")) == 1)
            assert {deed.attempt for deed in host.deeds("begin") if deed.peer_id == 1} == {1, 2}
            await until(lambda: len(host.pool.pids) == settings.engine.workers)  # they were replaced

    asyncio.run(scene())
    letters = {letter.peer_id: letter for letter in DeadLetters(clean_redis).page()}
    assert "ended without a verdict" in letters[1].reason and letters[1].attempts == 2
    assert "protocol" in letters[2].reason and "protocol" in letters[3].reason
    assert letters[4].reason == "told to retry" and letters[4].trace == "Traceback: told to"
    assert rows_by_event(clean_redis) == {"b0-1-2": 1}
    assert is_empty(clean_redis)


def test_a_hung_worker_is_killed_at_the_deadline(
    clean_redis: redis.Redis, redis_service: RedisService, tmp_path: Path
) -> None:
    settings = lane_settings(redis_service, tmp_path, engine={"deadline_s": 0.5, "workers": 1})
    say(clean_redis, "once hang")

    async def scene() -> None:
        async with running(settings, [make_bot()]) as host:
            await until(lambda: host.steps("handed out"))
            hung = host.steps("handed out")[0]["worker"]
            await until(lambda: host.steps("retry"))
            assert not Path(f"/proc/{hung}").exists() or "Z" in Path(f"/proc/{hung}/stat").read_text()
            await until(lambda: len(host.steps("done")) == 1)
            assert "no verdict within 0.5 s" in host.steps("retry")[0]["reason"]

    asyncio.run(scene())


def test_an_outage_of_vk_costs_no_attempts(
    clean_redis: redis.Redis, redis_service: RedisService, tmp_path: Path
) -> None:
    settings = lane_settings(redis_service, tmp_path, lanes={"attempts": 1})
    say(clean_redis, "outage")

    async def scene() -> None:
        async with running(settings, [make_bot()]) as host:
            await until(lambda: host.steps("retry"))
            assert clean_redis.hvals(keys.state("b0"))[0].startswith(b"0:")  # for the next owner too
            await until(lambda: len(host.deeds("begin")) == 2)
            assert host.steps("buried") == []

    asyncio.run(scene())
    assert clean_redis.xlen(keys.inbox("b0")) == 1


def test_a_try_after_one_that_did_not_count_is_told_to_be_a_repeat(
    clean_redis: redis.Redis, redis_service: RedisService, tmp_path: Path
) -> None:
    """The first may have written down a reply and sent some of it."""
    settings = lane_settings(redis_service, tmp_path)
    say(clean_redis, "ask outage")
    tries: list[tuple[object, object]] = []

    async def on_ask(bot: object, job: dict[str, object], ask: dict[str, object]) -> dict[str, object]:
        tries.append((job["attempt"], job["repeat"]))
        return {"id": 1, "text": "", "data": None, "exit_code": 0}

    async def scene() -> None:
        async with running(settings, [make_bot()], on_ask=on_ask):
            await until(lambda: len(tries) == 2)

    asyncio.run(scene())
    assert tries == [(1, False), (1, True)]


def test_attempts_survive_the_host(clean_redis: redis.Redis, redis_service: RedisService, tmp_path: Path) -> None:
    """An entry whose attempts are used up by its hosts is buried without another try."""
    settings = lane_settings(redis_service, tmp_path, lanes={"attempts": 3})
    event_id = say(clean_redis, "hi")
    (entry,) = [name for name, _ in clean_redis.xrange(keys.inbox("b0"))]
    clean_redis.hset(keys.state("b0"), entry, "3:0:")

    async def scene() -> None:
        async with running(settings, [make_bot()]) as host:
            await until(lambda: host.steps("buried"))
            assert host.deeds("begin") == []

    asyncio.run(scene())
    (letter,) = DeadLetters(clean_redis).page()
    assert letter.event_id == event_id and letter.attempts == 3 and "with its host" in letter.reason


def test_a_replayed_letter_is_answered(clean_redis: redis.Redis, redis_service: RedisService, tmp_path: Path) -> None:
    settings = lane_settings(redis_service, tmp_path, lanes={"attempts": 1})
    clean_redis.hset(keys.BOTS, "b0", "{}")
    say(clean_redis, "once fail")

    async def scene() -> None:
        async with running(settings, [make_bot()]) as host:
            await until(lambda: host.steps("buried"))
            dead = DeadLetters(clean_redis)
            (letter,) = dead.page()
            dead.replay(letter.id)
            await until(lambda: len(host.steps("buried")) == 2)
            assert [deed.attempt for deed in host.deeds("begin")] == [1, 1]
            assert dead.count() == 1

    asyncio.run(scene())


def test_old_messages_are_settled_as_stale_and_answered_never(
    clean_redis: redis.Redis, redis_service: RedisService, tmp_path: Path
) -> None:
    settings = lane_settings(redis_service, tmp_path, lanes={"answer_max_age_s": 60})
    for cmid in range(1, 301):
        say(clean_redis, "hi", cmid % 7, cmid, age_s=120)
    say(clean_redis, "hi", 1, 1000)

    async def scene() -> None:
        async with running(settings, [make_bot()]) as host:
            await until(lambda: len(host.steps("done")) == 1 and len(host.steps("ignored")) == 300)
            assert [deed.event_id for deed in host.deeds("begin")] == ["b0-1-1000"]
            assert host.dispatcher.lanes()["b0"].counters["stale"] == 300

    asyncio.run(scene())
    assert {row["reason"] for row in journal_rows(clean_redis) if row["op"] == "ignored"} == {"stale"}
    assert is_empty(clean_redis)


def test_an_old_message_with_a_reply_mark_goes_to_a_worker(
    clean_redis: redis.Redis, redis_service: RedisService, tmp_path: Path
) -> None:
    """Something may have been sent for it: the worker sees the mark and decides."""
    settings = lane_settings(redis_service, tmp_path, lanes={"answer_max_age_s": 60})
    for peer_id in (1, 2):
        say(clean_redis, "hi", peer_id, age_s=120)
    marked, unmarked = [name.decode() for name, _ in clean_redis.xrange(keys.inbox("b0"))]
    clean_redis.hset(keys.state("b0"), mapping={marked: "1:5:", unmarked: "1:5:"})
    clean_redis.hset(keys.reply_mark(100, marked), "reply", "{}")

    async def scene() -> None:
        async with running(settings, [make_bot()]) as host:
            await until(lambda: len(host.steps("done")) == 1 and len(host.steps("ignored")) == 1)
            assert [deed.peer_id for deed in host.deeds("begin")] == [1]

    asyncio.run(scene())
    assert not clean_redis.exists(keys.reply_mark(100, marked))


def test_what_is_settled_while_it_is_read_again_is_told_once(
    clean_redis: redis.Redis, redis_service: RedisService, tmp_path: Path
) -> None:
    """The subscription comes back, and all is read again, at any time."""
    settings = lane_settings(redis_service, tmp_path, lanes={"answer_max_age_s": 60}, vk={"requests_per_s": 1000})
    for peer_id in range(1, 101):
        say(clean_redis, "hi", peer_id, age_s=120)
    names = [name.decode() for name, _ in clean_redis.xrange(keys.inbox("b0"))]
    clean_redis.hset(keys.state("b0"), mapping=dict.fromkeys(names, "1:5:"))

    async def scene() -> None:
        async with running(settings, [make_bot()]) as host:
            while not is_empty(clean_redis):
                host.dispatcher.connected()
                await asyncio.sleep(0)
            await until(lambda: len(host.steps("ignored")) >= 100)
            assert len(host.steps("ignored")) == host.dispatcher.lanes()["b0"].counters["ignored"] == 100

    asyncio.run(scene())


def test_a_flood_loses_its_oldest_messages_and_hurts_nobody(
    clean_redis: redis.Redis, redis_service: RedisService, tmp_path: Path
) -> None:
    settings = lane_settings(redis_service, tmp_path, lanes={"conversation_max": 10}, vk={"requests_per_s": 1000})
    for cmid in range(1, 501):
        say(clean_redis, "hi", 1, cmid)
    say(clean_redis, "hi", 2)

    async def scene() -> None:
        async with running(settings, [make_bot()]) as host:
            await until(lambda: len(host.steps("done")) + len(host.steps("ignored")) == 501)
            answered = [deed.event_id for deed in host.deeds("sent") if deed.peer_id == 1]
            assert answered[-10:] == [f"b0-1-{cmid}" for cmid in range(491, 501)]
            assert len(host.steps("ignored")) == host.dispatcher.lanes()["b0"].counters["flood"] >= 480

    asyncio.run(scene())
    rows = journal_rows(clean_redis)
    assert len(rows) == 501 and {row["reason"] for row in rows if row["op"] == "ignored"} == {"flood"}
    assert is_empty(clean_redis)


def test_an_unsolved_phrase_is_journaled_for_the_moderators(
    clean_redis: redis.Redis, redis_service: RedisService, tmp_path: Path
) -> None:
    settings = lane_settings(redis_service, tmp_path)
    say(clean_redis, "unsolved phrase")

    async def scene() -> None:
        async with running(settings, [make_bot()]) as host:
            await until(lambda: host.steps("unsolved"))

    asyncio.run(scene())
    assert [row["op"] for row in journal_rows(clean_redis)] == ["history", "unsolved"]


def test_what_a_worker_asks_is_answered_on_its_socket(
    clean_redis: redis.Redis, redis_service: RedisService, tmp_path: Path
) -> None:
    settings = lane_settings(redis_service, tmp_path)
    say(clean_redis, "ask")

    async def on_ask(bot: object, job: dict[str, object], ask: dict[str, object]) -> dict[str, object]:
        return {"id": ask["id"], "text": f"{ask['line']}: {job['entry']}", "data": None, "exit_code": 0}

    async def scene() -> None:
        async with running(settings, [make_bot()], on_ask=on_ask) as host:
            await until(lambda: host.steps("done"))
            step = host.steps("done")[0]
            assert step["reason"] == f"who am i: {step['entry']}"

    asyncio.run(scene())


def test_a_question_that_fails_costs_neither_the_lane_nor_the_attempt(
    clean_redis: redis.Redis, redis_service: RedisService, tmp_path: Path
) -> None:
    settings = lane_settings(redis_service, tmp_path)
    say(clean_redis, "ask")

    async def on_ask(bot: object, job: dict[str, object], ask: dict[str, object]) -> dict[str, object]:
        raise RuntimeError("cannot schedule new futures after shutdown")

    async def scene() -> None:
        async with running(settings, [make_bot()], on_ask=on_ask) as host:
            await until(lambda: host.steps("done"))
            assert host.steps("done")[0]["attempt"] == 1

    asyncio.run(scene())


def test_worn_workers_are_replaced(clean_redis: redis.Redis, redis_service: RedisService, tmp_path: Path) -> None:
    settings = lane_settings(redis_service, tmp_path, engine={"workers": 1, "jobs_per_worker": 3})
    for cmid in range(1, 8):
        say(clean_redis, "retire" if cmid == 7 else "hi", 1, cmid)

    async def scene() -> None:
        async with running(settings, [make_bot()]) as host:
            await until(lambda: len(host.steps("done")) == 7)
            used = [step["worker"] for step in host.steps("handed out")]
            assert len(set(used)) == 3 and used[0] == used[2] != used[3] == used[5] != used[6]
            await until(lambda: host.pool.pids and used[6] not in host.pool.pids)

    asyncio.run(scene())


def test_an_idle_worker_that_dies_is_replaced_and_costs_no_attempt(
    clean_redis: redis.Redis, redis_service: RedisService, tmp_path: Path
) -> None:
    import os
    import signal

    settings = lane_settings(redis_service, tmp_path, engine={"workers": 2})

    async def scene() -> None:
        async with running(settings, [make_bot()]) as host:
            await until(lambda: len(host.pool.pids) == 2)
            before = host.pool.pids
            for pid in before:
                os.kill(pid, signal.SIGKILL)
            await until(lambda: len(host.pool.pids) == 2 and not set(before) & set(host.pool.pids))
            say(clean_redis, "hi")
            await until(lambda: host.steps("done"))
            assert [deed.attempt for deed in host.deeds("begin")] == [1]

    asyncio.run(scene())


def test_events_that_are_no_messages_pass_too(
    clean_redis: redis.Redis, redis_service: RedisService, tmp_path: Path
) -> None:
    settings = lane_settings(redis_service, tmp_path)
    put(clean_redis, {"type": "group_join", "event_id": "j", "group_id": 100, "object": {"user_id": 7}}, "b0")

    async def scene() -> None:
        async with running(settings, [make_bot()]) as host:
            await until(lambda: host.steps("done"))

    asyncio.run(scene())
    assert journal_rows(clean_redis) == [] and is_empty(clean_redis)


def test_the_job_tells_the_worker_all_it_needs(
    clean_redis: redis.Redis, redis_service: RedisService, tmp_path: Path
) -> None:
    settings = lane_settings(redis_service, tmp_path)
    clean_redis.hset(keys.person(BASE, "vk", 7), mapping={"status": "user"})
    say(clean_redis, "ask")
    seen: list[dict[str, object]] = []

    async def on_ask(bot: object, job: dict[str, object], ask: dict[str, object]) -> dict[str, object]:
        seen.append(codec.loads(codec.dumps(job)))
        return {"id": 1, "text": "", "data": None, "exit_code": 0}

    async def scene() -> None:
        async with running(settings, [make_bot(names=("Аня",))], on_ask=on_ask) as host:
            await until(lambda: host.steps("done"))

    asyncio.run(scene())
    (job,) = seen
    assert job["kind"] == "answer" and job["token"] == "token-of-the-bot" and job["attempt"] == 1
    assert job["person"] == {"status": "user"} and job["slots"] == 1 and job["base_delta"] == "0-0"
    assert job["bot"]["names"] == ["Аня"] and job["bot"]["threshold"] == settings.matching.threshold  # type: ignore[index]
    assert job["lease"]["key"] == "lease:b0" and job["deadline_ms"] == 30_000  # type: ignore[index]
