"""What an owner of a lane does to its inbox: fenced, whole, and safe to repeat."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import redis

from db import codec, inbox, keys
from db.inbox import Call, Claim, Due, Entry, Given, Gone, Lost, Opened, Wait
from db.slots import HEIR_MS, WINDOW_MS
from tests.db.lanes import BASE, claim, message, put, read, run
from tests.services import RedisService

DEADLINE_MS = 30_000


def hand_out(client: redis.Redis, held: Claim, entry: Entry, attempt: int = 1, per_second: int = 20) -> Any:
    return inbox.handed_out(run(client, inbox.hand_out(held, entry, attempt, per_second, DEADLINE_MS)))


def slots(service: RedisService, held: Claim) -> dict[bytes, float]:
    return dict(service.client(held.db).zrange(keys.RATE, 0, -1, withscores=True))


def put_many(client: redis.Redis, count: int) -> list[Entry]:
    for number in range(count):
        put(client, message(peer_id=number + 1, event_id=f"e{number}"))
    return read(client)


def test_hand_out_gives_what_the_job_needs_and_counts_the_attempt(clean_redis: redis.Redis) -> None:
    held = claim(clean_redis)
    event = message(peer_id=7, text="привет")
    put(clean_redis, event)
    clean_redis.hset(keys.person(BASE, "vk", 7), mapping={"status": "banned", "user_name": "Аня"})
    delta = clean_redis.xadd(keys.delta(BASE), {"op": "reload"})
    (entry,) = read(clean_redis)
    given = hand_out(clean_redis, held, entry)
    assert isinstance(given, Given)
    assert codec.loads(given.event) == event
    assert given.person == {"status": "banned", "user_name": "Аня"}
    assert given.delta.encode() == delta
    opened = inbox.opened(run(clean_redis, inbox.open_lane(held)))
    assert isinstance(opened, Opened) and opened.tried[entry.entry].attempts == 1


def everything(service: RedisService) -> dict[tuple[int, bytes], bytes]:
    """Dump all databases in use, to see that nothing was written."""
    found = {}
    for db in (0, 3):
        client = service.client(db)
        found.update({(db, key): client.dump(key) for key in client.keys("*")})
    return found


FENCED: dict[str, Callable[[Claim, Entry], Call]] = {
    "open": lambda held, entry: inbox.open_lane(held),
    "hand_out": lambda held, entry: inbox.hand_out(held, entry, 2, 20, DEADLINE_MS),
    "retry": lambda held, entry: inbox.retry(held, entry, 1, 500, "why"),
    "close": lambda held, entry: inbox.close(held, entry, 1, [{"op": "x"}]),
    "bury": lambda held, entry: inbox.bury(held, entry, 1, "why", None),
}


@pytest.mark.parametrize("owner", [None, "other:token"])
@pytest.mark.parametrize("name", FENCED)
def test_a_zombie_writes_nothing(
    clean_redis: redis.Redis, redis_service: RedisService, name: str, owner: str | None
) -> None:
    held = claim(clean_redis)
    put(clean_redis, message())
    (entry,) = read(clean_redis)
    assert isinstance(hand_out(clean_redis, held, entry), Given)
    if owner is None:
        clean_redis.delete(keys.lease(held.bot))
    else:
        clean_redis.set(keys.lease(held.bot), owner)
    before = everything(redis_service)
    answer = run(clean_redis, FENCED[name](held, entry))
    assert answer in (b"lost", [b"lost"])
    assert everything(redis_service) == before


def test_settle_repeated_after_a_lost_answer_writes_the_journal_once(clean_redis: redis.Redis) -> None:
    held = claim(clean_redis)
    put(clean_redis, message())
    (entry,) = read(clean_redis)
    hand_out(clean_redis, held, entry)
    mark = keys.reply_mark(held.group_id, entry.entry)
    clean_redis.hset(mark, "reply", "{}")
    listener = clean_redis.pubsub()
    listener.subscribe(keys.journal_wake(BASE))
    answers = [run(clean_redis, inbox.close(held, entry, 1, [{"op": "history"}])) for _ in range(3)]
    assert answers == [b"ok", b"gone", b"gone"]
    rows: Any = clean_redis.xrange(keys.journal(BASE))
    assert [codec.loads(fields[b"ops"]) for _, fields in rows] == [[{"op": "history"}]]
    left = {keys.inbox("anna"), keys.state("anna"), mark}
    assert clean_redis.exists(*left) == 1  # the emptied stream stays, and with it its last id
    assert clean_redis.xlen(keys.inbox("anna")) == 0
    messages = [listener.get_message(timeout=1) for _ in range(2)]
    assert [found["type"] for found in messages if found] == ["subscribe", "message"]
    listener.close()


def test_a_settled_entry_is_not_handed_out_again(clean_redis: redis.Redis, redis_service: RedisService) -> None:
    held = claim(clean_redis)
    put(clean_redis, message())
    (entry,) = read(clean_redis)
    run(clean_redis, inbox.close(held, entry, 0, []))
    assert isinstance(hand_out(clean_redis, held, entry), Gone)
    assert isinstance(inbox.retried(run(clean_redis, inbox.retry(held, entry, 1, 5, "late"))), Gone)
    assert not clean_redis.exists(keys.state("anna"))
    assert slots(redis_service, held) == {}


def test_a_retry_is_remembered_with_its_reason_and_due_time(clean_redis: redis.Redis) -> None:
    held = claim(clean_redis)
    put(clean_redis, message())
    (entry,) = read(clean_redis)
    hand_out(clean_redis, held, entry)
    due = inbox.retried(run(clean_redis, inbox.retry(held, entry, 1, 700, "VK: error 10")))
    assert isinstance(due, Due) and due.due_ms - due.now_ms == 700
    opened = inbox.opened(run(clean_redis, inbox.open_lane(held)))
    assert isinstance(opened, Opened)
    assert opened.tried == {entry.entry: inbox.Tried(1, due.due_ms, "VK: error 10")}
    uncounted = inbox.retry(held, entry, 2, 700, "VK does not answer", counted=False)
    assert isinstance(inbox.retried(run(clean_redis, uncounted)), Due)
    opened = inbox.opened(run(clean_redis, inbox.open_lane(held)))
    assert isinstance(opened, Opened) and opened.tried[entry.entry].attempts == 1


def test_a_mark_stops_a_message_from_being_given_up_unread(clean_redis: redis.Redis) -> None:
    held = claim(clean_redis)
    put(clean_redis, message())
    (entry,) = read(clean_redis)
    clean_redis.hset(keys.reply_mark(held.group_id, entry.entry), "reply", "{}")
    assert run(clean_redis, inbox.close(held, entry, 0, [], unless_marked=True)) == b"marked"
    assert clean_redis.xlen(keys.inbox("anna")) == 1
    clean_redis.delete(keys.reply_mark(held.group_id, entry.entry))
    assert run(clean_redis, inbox.close(held, entry, 0, [], unless_marked=True)) == b"ok"


def test_slots_are_held_until_the_settle_and_a_second_more(
    clean_redis: redis.Redis, redis_service: RedisService
) -> None:
    held = claim(clean_redis)
    first, second, third = put_many(clean_redis, 3)
    assert isinstance(hand_out(clean_redis, held, first, per_second=2), Given)
    assert isinstance(hand_out(clean_redis, held, second, per_second=2), Given)
    assert isinstance(hand_out(clean_redis, held, first, per_second=2), Given)  # a repeat needs no second slot
    refused = hand_out(clean_redis, held, third, per_second=2)
    assert isinstance(refused, Wait) and refused.wait_ms > 20_000
    assert not clean_redis.hexists(keys.state("anna"), third.entry)
    run(clean_redis, inbox.close(held, first, 1, [], slots_used=1))
    refused = hand_out(clean_redis, held, third, per_second=2)
    assert isinstance(refused, Wait) and 900 < refused.wait_ms <= WINDOW_MS
    run(clean_redis, inbox.close(held, second, 1, [], slots_used=0))  # given back
    assert isinstance(hand_out(clean_redis, held, third, per_second=2), Given)
    assert len(slots(redis_service, held)) == 2


def test_a_clock_set_back_does_not_close_the_limiter(clean_redis: redis.Redis, redis_service: RedisService) -> None:
    held = claim(clean_redis)
    (entry,) = put_many(clean_redis, 1)
    far_us = 4_000_000_000 * 1_000_000
    redis_service.client(held.db).zadd(keys.RATE, {f"old:1:{number}": far_us for number in range(20)})
    assert isinstance(hand_out(clean_redis, held, entry), Given)


def test_an_heir_does_not_wait_for_the_slots_of_the_dead(clean_redis: redis.Redis, redis_service: RedisService) -> None:
    held = claim(clean_redis)
    first, second = put_many(clean_redis, 2)
    hand_out(clean_redis, held, first, per_second=1)
    heir = claim(clean_redis, lease="host:new")
    run(clean_redis, inbox.open_lane(heir))
    refused = hand_out(clean_redis, heir, second, per_second=1)
    assert isinstance(refused, Wait) and refused.wait_ms <= HEIR_MS


def test_lost_answers_stay_lost(clean_redis: redis.Redis) -> None:
    assert isinstance(inbox.opened([b"lost"]), Lost)
    assert isinstance(inbox.handed_out([b"lost"]), Lost)
    assert isinstance(inbox.retried([b"lost"]), Lost)
    assert isinstance(inbox.settled(b"lost"), Lost)


def test_a_late_repeat_is_as_old_as_its_message(clean_redis: redis.Redis) -> None:
    put(clean_redis, message(age_s=3600))
    put(clean_redis, {"type": "group_join", "event_id": "e2", "object": {"user_id": 7}})
    late, join = read(clean_redis)
    assert late.accepted_ms - late.sent_ms > 3_590_000
    assert join.accepted_ms == join.sent_ms


def test_odd_fields_do_not_stop_a_lane() -> None:
    entry = inbox.parse_entry(b"5-0", {b"e": b"not json", b"p": b"x", b"i": b"\xff"})
    assert (entry.peer_id, entry.cmid, entry.entry) == (0, 0, "5-0")
