"""The engine against the emulator: its events as they come, its messages as people see them, its faults."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from tests.emulation import CallbackReceiver, EmulatorClient, running_emulator, running_receiver
from tests.engine.bench import GROUP, TOKEN, Bench, Room, Worker, open_room
from tests.services import wait_until

PEERS = (11, 12, 200_000_000_013)
SEED = 20261122


@pytest.fixture(scope="module")
def emulator() -> Iterator[EmulatorClient]:
    with running_emulator(rate_limit=0) as running:
        running.community(GROUP, TOKEN, screen_name="anna_bot")
        yield running


@pytest.fixture(scope="module")
def receiver(emulator: EmulatorClient) -> Iterator[CallbackReceiver]:
    with running_receiver() as running:
        order = {"group_id": GROUP, "url": running.url, "confirm": False, "events": ["message_new"]}
        emulator.order("callback", order)
        yield running


@pytest.fixture(scope="module")
def room(emulator: EmulatorClient, storage_tables: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    with open_room(tmp_path_factory.mktemp("room"), storage_tables, emulator.url) as room:
        yield room


@pytest.fixture
def bench(room: Room, clean_redis: redis.Redis, emulator: EmulatorClient) -> Bench:
    bench = room.bench(clean_redis)
    for peer in PEERS:
        bench.know(peer)
    emulator.clear_faults()
    return bench


def event_of(receiver: CallbackReceiver, said: dict[str, Any]) -> dict[str, Any]:
    """Return the event that the emulator posted for what was said."""

    def found() -> list[dict[str, Any]]:
        return [event for event in receiver.of_kind("message_new") if event["event_id"] == said["event_id"]]

    wait_until(found)
    return found()[0]


def test_in_a_chat_people_see_a_reply_to_the_message_that_called_the_bot(
    bench: Bench, emulator: EmulatorClient, receiver: CallbackReceiver
) -> None:
    bench.learn(("как дела", "Хорошо, а у тебя?"))
    chat = emulator.order("chats", {"communities": [GROUP], "users": [11, 12], "admins": [-GROUP]})["chat_id"]
    said = emulator.say(11, GROUP, "@anna_bot как дела?", peer=chat)
    verdict = bench.zygote.fork().run(bench.job_of(event_of(receiver, said)))
    (sent,) = emulator.sent()
    assert sent["text"] == "Хорошо, а у тебя?" and sent["peer_id"] == said["peer_id"]
    assert sent["forward"]["conversation_message_ids"] == [said["conversation_message_id"]]
    (part,) = verdict["reply"]["parts"]
    assert (part["message_id"], part["random_id"]) == (sent["conversation_message_id"], sent["random_id"])


def test_somebody_new_is_called_by_the_name_that_vk_tells(
    bench: Bench, emulator: EmulatorClient, receiver: CallbackReceiver
) -> None:
    bench.learn(("кто я", "Ты {user_name}"))
    emulator.order("users", {"id": 77, "first_name": "Зоя", "last_name": "К"})
    after = len(emulator.sent())
    verdict = bench.zygote.fork().run(bench.job_of(event_of(receiver, emulator.say(77, GROUP, "кто я?"))))
    assert verdict["person"] == {"fi_name": "Зоя", "la_name": "К"}
    assert [sent["text"] for sent in emulator.sent(after)] == ["Ты Зоя"]


def test_kills_and_faults_leave_each_message_with_one_answer_in_order(
    bench: Bench, emulator: EmulatorClient, receiver: CallbackReceiver
) -> None:
    """Seeded: VK fails or cuts a third of all calls, and a worker is killed at any moment of every third job."""
    dice = random.Random(SEED)
    bench.learn(*((f"вопрос номер {number}", f"ответ {number}") for number in range(30)))
    for kind, probability in (("reset_after", 0.15), ("reset_before", 0.1), ("http", 0.1), ("error", 0.1)):
        fault = {"kind": kind, "method": "messages.send", "probability": probability, "count": 0}
        emulator.fault(**fault)
    expected: dict[int, list[str]] = {peer: [] for peer in PEERS}
    after = len(emulator.sent())
    worker = bench.zygote.fork()
    for number in range(30):
        peer = dice.choice(PEERS)
        said = emulator.say(peer, GROUP, f"вопрос номер {number}")
        expected[peer].append(f"ответ {number}")
        worker = _answer(bench, worker, bench.job_of(event_of(receiver, said)), dice)
    sent = emulator.sent(after)
    seen = {peer: [one["text"] for one in sent if one["peer_id"] == peer] for peer in PEERS}
    assert seen == expected, f"seed {SEED}"


def _answer(bench: Bench, worker: Worker, job: dict[str, Any], dice: random.Random) -> Worker:
    """Run a job as the lane does, again and again until it is done; return the worker that lives."""
    for _ in range(50):
        worker.give(job)
        if dice.random() < 0.3:
            time.sleep(dice.uniform(0, 0.02))  # any moment of the job
            worker.kill()
            worker = bench.zygote.fork()
            job = bench.repeat(job)
            continue
        verdict = worker.take()
        if verdict["verdict"] == "done":
            bench.settle(job)
            return worker
        assert verdict["verdict"] == "retry", verdict
        job = bench.repeat(job, counted=not verdict["outage"])
    raise AssertionError(f"50 tries and no answer, seed {SEED}")
