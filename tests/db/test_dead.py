"""Dead letters and the waiting queue, as the operator handles them."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import redis

from db import codec, inbox, keys
from db.dead import DeadLetters
from db.errors import NotFound, Refused
from db.queue import Queue
from db.texts import use_language
from tests.db.lanes import claim, message, put, read, run
from tests.services import RedisService


def bury(client: redis.Redis, text: str = "hi", event_id: str = "e1", age_s: int = 0) -> None:
    held = claim(client)
    put(client, message(text=text, event_id=event_id, age_s=age_s))
    run(client, inbox.bury(held, read(client)[-1], 4, "VK: error 10", "Traceback: x"))


def test_a_dead_letter_shows_everything_about_its_event(clean_redis: redis.Redis) -> None:
    bury(clean_redis, text="ой")
    (letter,) = DeadLetters(clean_redis).page()
    assert (letter.bot, letter.event_id, letter.attempts, letter.reason) == ("anna", "e1", 4, "VK: error 10")
    assert letter.trace == "Traceback: x" and letter.peer_id == 7
    assert letter.event["object"]["message"]["text"] == "ой"
    assert DeadLetters(clean_redis).show(letter.id) == letter


def test_dead_letters_are_paged_newest_first(clean_redis: redis.Redis) -> None:
    for number in range(5):
        bury(clean_redis, event_id=f"e{number}")
    dead = DeadLetters(clean_redis)
    first = dead.page(size=3)
    rest = dead.page(before=first[-1].id, size=3)
    assert [letter.event_id for letter in first + rest] == ["e4", "e3", "e2", "e1", "e0"]
    assert dead.count() == 5


def test_a_replayed_letter_waits_again_fresh_and_once(clean_redis: redis.Redis, redis_service: RedisService) -> None:
    """Of many who replay the same letter at once, one succeeds."""
    clean_redis.hset(keys.BOTS, "anna", "{}")
    bury(clean_redis, age_s=7200)
    (letter,) = DeadLetters(clean_redis).page()
    outcomes: list[str] = []

    def replay() -> None:
        try:
            outcomes.append(DeadLetters(redis_service.client()).replay(letter.id))
        except NotFound:
            outcomes.append("")

    threads = [threading.Thread(target=replay) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (entry,) = read(clean_redis)
    assert sorted(outcomes) == [""] * 7 + [entry.entry]
    assert entry.accepted_ms == entry.sent_ms  # else it would be settled as stale at once
    assert DeadLetters(clean_redis).count() == 0


def test_a_letter_of_a_removed_bot_is_not_replayed(clean_redis: redis.Redis) -> None:
    bury(clean_redis)
    dead = DeadLetters(clean_redis)
    (letter,) = dead.page()
    with use_language("en"), pytest.raises(NotFound, match="removed"):
        dead.replay(letter.id)
    assert dead.count() == 1
    dead.drop(letter.id)
    assert dead.count() == 0


def bury_row(client: redis.Redis, raw: bytes) -> None:
    """As the journal writer does."""
    letter: dict[Any, Any] = {"at_ms": 1000, "bot": "", "base": "main", "t": "journal", "entry": "1-1", "attempts": 1}
    client.xadd(keys.DEAD, {**letter, "reason": "DataError", "e": raw})


def test_a_replayed_row_waits_in_its_journal_once(clean_redis: redis.Redis) -> None:
    clean_redis.hset(keys.BASES, "main", "{}")
    row = {"op": "history", "event_id": "e1", "rx": "ой"}
    bury_row(clean_redis, codec.dumps(row))
    dead = DeadLetters(clean_redis)
    (letter,) = dead.page()
    assert (letter.bot, letter.base, letter.type, letter.event) == ("", "main", "journal", row)
    entry = dead.replay(letter.id)
    found: Any = clean_redis.xrange(keys.journal("main"))
    assert [(name.decode(), codec.loads(fields[b"ops"])) for name, fields in found] == [(entry, [row])]
    assert dead.count() == 0
    with pytest.raises(NotFound):
        dead.replay(letter.id)


def test_a_row_that_cannot_go_back_stays_a_letter(clean_redis: redis.Redis) -> None:
    bury_row(clean_redis, b"[1, 2")
    bury_row(clean_redis, b'{"op":"history"}')
    dead = DeadLetters(clean_redis)
    of_no_base, broken = dead.page()
    with use_language("en"):
        with pytest.raises(NotFound, match="base main was dropped"):
            dead.replay(of_no_base.id)
        with pytest.raises(Refused, match="no row"):
            dead.replay(broken.id)
    assert dead.count() == 2 and not clean_redis.exists(keys.journal("main"))


@pytest.mark.parametrize("name", ["-", "+", "1", "1-1", "x-y", "", "(1-1", "1-1-1"])
def test_what_is_no_letter_is_not_found(clean_redis: redis.Redis, name: str) -> None:
    bury(clean_redis)
    dead = DeadLetters(clean_redis)
    for act in (dead.show, dead.replay, dead.drop):
        with pytest.raises(NotFound):
            act(name)
    assert dead.count() == 1


def test_the_queue_shows_what_waits_and_why(clean_redis: redis.Redis) -> None:
    held = claim(clean_redis)
    for number in range(3):
        put(clean_redis, message(peer_id=number + 1, event_id=f"e{number}"))
    entries = read(clean_redis)
    run(clean_redis, inbox.retry(held, entries[0], 2, 5000, "VK: error 10"))
    queue = Queue(clean_redis)
    assert queue.counts(["anna", "boris"]) == {"anna": 3, "boris": 0}
    page = queue.page("anna", size=2)
    assert [(item.entry.event_id, item.tried.attempts, item.tried.reason) for item in page] == [
        ("e0", 2, "VK: error 10"),
        ("e1", 0, ""),
    ]
    assert [item.entry.event_id for item in queue.page("anna", after=page[-1].entry.entry)] == ["e2"]
    assert queue.show("anna", entries[0].entry).event["event_id"] == "e0"
    queue.drop("anna", entries[0].entry)
    assert not clean_redis.exists(keys.state("anna"))
    with pytest.raises(NotFound):
        queue.drop("anna", entries[0].entry)
