"""What a bot learns of people and chats from events that nobody answers, and from VK's refusals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import redis

from db import keys
from db.links import redis_client
from tests.engine.bench import CHAT, GROUP, Bench, Room, Worker, open_room


@pytest.fixture(scope="module")
def room(storage_tables: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    with open_room(tmp_path_factory.mktemp("room"), storage_tables) as room:
        yield room


@pytest.fixture
def bench(room: Room, clean_redis: redis.Redis) -> Bench:
    bench = room.bench(clean_redis)
    bench.know()
    bench.learn(("Привет", "И тебе привет!"))
    return bench


@pytest.fixture
def worker(bench: Bench) -> Iterator[Worker]:
    worker = bench.zygote.fork()
    yield worker
    worker.close()


@pytest.fixture
def own(bench: Bench) -> redis.Redis:
    """The bot's own database."""
    return redis_client(bench.settings, 3)


def event(kind: str, **thing: Any) -> dict[str, Any]:
    return {"type": kind, "event_id": kind, "group_id": GROUP, "v": "5.199", "object": thing}


def refuse(bench: Bench, code: int) -> None:
    bench.vk.script({"error": {"error_code": code, "error_msg": "no"}})


def test_consent_is_kept_until_a_new_message_or_a_permission(bench: Bench, worker: Worker, own: redis.Redis) -> None:
    for back in (bench.job("привет"), bench.job_of(event("message_allow", user_id=11, key=""))):
        verdict = worker.run(bench.job_of(event("message_deny", user_id=11)))
        assert (verdict["verdict"], verdict["slots_used"]) == ("ignored", 0)
        assert own.get(keys.closed(11)) == b"denied"
        worker.run(back)
        assert own.get(keys.closed(11)) is None
    assert bench.vk.texts == ["И тебе привет!"]


@pytest.mark.parametrize("code", [900, 901, 902, 936, 1021])
def test_a_person_who_cannot_be_written_to_is_remembered(
    bench: Bench, worker: Worker, own: redis.Redis, code: int
) -> None:
    refuse(bench, code)
    assert worker.run(bench.job("привет"))["verdict"] == "ignored"
    assert own.get(keys.closed(11)) == b"%d" % code and own.ttl(keys.closed(11)) > 3600


@pytest.mark.parametrize("code", [917, 922, 927, 945, 1012])
def test_a_chat_that_takes_no_messages_is_left_alone_until_the_bot_is_invited_again(
    bench: Bench, worker: Worker, own: redis.Redis, code: int
) -> None:
    refuse(bench, code)
    assert worker.run(bench.job("Анна привет", peer_id=CHAT))["verdict"] == "ignored"
    verdict = worker.run(bench.job("Анна привет", peer_id=CHAT))
    assert verdict["verdict"] == "ignored" and str(code) in verdict["reason"]
    assert len(bench.vk.calls) == 1 and 0 < own.ttl(keys.closed(CHAT)) <= 600
    invited = {"type": "chat_invite_user", "member_id": -GROUP}
    worker.run(bench.job("", peer_id=CHAT, action=invited))
    assert worker.run(bench.job("Анна привет", peer_id=CHAT))["verdict"] == "done"


def test_another_guest_does_not_open_a_chat_and_a_kick_of_the_bot_closes_it(
    bench: Bench, worker: Worker, own: redis.Redis
) -> None:
    worker.run(bench.job("", peer_id=CHAT, action={"type": "chat_kick_user", "member_id": -GROUP}))
    worker.run(bench.job("", peer_id=CHAT, action={"type": "chat_invite_user", "member_id": 12}))
    assert own.get(keys.closed(CHAT)) == b"chat_kick_user"
    assert bench.vk.calls == []


def test_who_comes_and_goes_and_what_a_chat_is_called_is_noted(bench: Bench, worker: Worker, own: redis.Redis) -> None:
    worker.run(bench.job_of(event("group_join", user_id=11, join_type="join")))
    assert own.hget(keys.peer(11), "member") == b"1"
    assert worker.run(bench.job_of(event("group_leave", user_id=11, self=1)))["verdict"] == "ignored"
    assert own.hget(keys.peer(11), "member") == b"0" and own.ttl(keys.peer(11)) > 0
    worker.run(bench.job("", peer_id=CHAT, action={"type": "chat_title_update", "text": "Кофейня"}))
    assert own.hget(keys.peer(CHAT), "title") == "Кофейня".encode()


@pytest.mark.parametrize("thing", [{}, {"user_id": "11"}, {"user_id": True}, {"user_id": -5}])
def test_an_event_of_nobody_is_settled(bench: Bench, worker: Worker, thing: dict[str, Any]) -> None:
    assert worker.run(bench.job_of(event("message_deny", **thing)))["reason"] == "message_deny of nobody"


def test_a_job_does_without_the_methods_that_are_paused(bench: Bench, worker: Worker) -> None:
    bench.client.delete(keys.person(bench.base, "vk", 11))
    job = {**bench.job("привет"), "paused": ["users.get", "messages.sendMessageEventAnswer"]}
    assert worker.run(job)["vk_answered"] == ["messages.send"]
    button = event("message_event", event_id="b4", user_id=11, peer_id=11, payload={}, conversation_message_id=4)
    job = {**bench.job_of(button), "paused": ["users.get", "messages.sendMessageEventAnswer"]}
    assert worker.run(job)["verdict"] == "ignored"
    assert [call.method for call in bench.vk.calls] == ["messages.send"]


@pytest.mark.parametrize(
    ("code", "is_kept"), [(5, False), (6, False), (9, False), (14, False), (29, False), (10, True)]
)
def test_what_vk_refused_for_now_was_not_sent(bench: Bench, worker: Worker, code: int, is_kept: bool) -> None:
    """Else the message could not be answered any more when the refusal lasts for longer than half an hour."""
    job = bench.job("привет")
    refuse(bench, code)
    assert worker.run(job)["verdict"] == "retry"
    assert bool(bench.mark(job)) == is_kept
    assert worker.run(bench.repeat(job, counted=False))["verdict"] == "done"
    assert bench.vk.texts == ["И тебе привет!"]


def test_a_refusal_takes_nothing_back_of_what_may_have_been_sent_before(bench: Bench, worker: Worker) -> None:
    job = bench.job("привет")
    bench.vk.script("close", "close")
    assert worker.run(job)["outage"] is True
    refuse(bench, 5)
    assert worker.run(bench.repeat(job, counted=False))["outage"] is True
    assert bench.mark(job)
    cut = bench.job("привет")
    bench.vk.script("close")
    refuse(bench, 5)
    worker.run(cut)
    assert bench.mark(cut)
    bench.learn(("длинно", "а" * 4096 + "б" * 100))
    long = bench.job("длинно")
    bench.vk.script("fine")
    refuse(bench, 5)
    worker.run(long)
    assert bench.mark(long)
