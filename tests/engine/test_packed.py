"""Replies composed by one worker and sent by another, against the emulator's ``execute``."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from db import keys
from tests.emulation import EmulatorClient, running_emulator
from tests.engine.bench import CHAT, GROUP, LEASE, TOKEN, Bench, Room, Worker, open_room

PEERS = (11, 12, 13)
NUMBERS = itertools.count(1)  # the emulator remembers the messages of all tests
COMMON = ("bot", "token", "lease", "base_delta", "deadline_ms")


@pytest.fixture(scope="module")
def emulator() -> Iterator[EmulatorClient]:
    with running_emulator(rate_limit=0, execute_sums_up=True) as running:
        running.community(GROUP, TOKEN, screen_name="anna_bot")
        for peer in PEERS:
            running.order("users", {"id": peer, "first_name": "A", "last_name": "B"})
            running.say(peer, GROUP, "hi")
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
    bench._numbers = NUMBERS
    bench.learn(("Привет", 'И "тебе"\\ привет!'), ("много", "слово " * 1000), ("кто ты", "А ты {user_name}"))
    emulator.clear_faults()
    return bench


@pytest.fixture
def worker(bench: Bench) -> Iterator[Worker]:
    worker = bench.zygote.fork()
    yield worker
    worker.close()


def compose(worker: Worker, *jobs: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Let a worker compose the replies to several events; return its verdicts by entry."""
    names = ("person", "event", "entry", "attempt", "repeat", "later", "accepted_ms")
    items = [{name: job[name] for name in names if name in job} for job in jobs]
    worker.give({**{name: jobs[0][name] for name in COMMON}, "job": "c1", "kind": "compose", "items": items})
    for job in jobs:
        assert worker.take() == {"job": "c1", "begun": job["entry"]}
    verdict = worker.take()
    assert (verdict["verdict"], verdict["slots_used"]) == ("done", 0)
    return {item["entry"]: item for item in verdict["items"]}


def send(
    worker: Worker, job: dict[str, Any], composed: dict[str, dict[str, Any]], number: int = 0
) -> dict[str, dict[str, Any]]:
    """Let a worker send one part of each composed reply; return its verdicts by entry."""
    items = []
    for entry, verdict in composed.items():
        told = verdict["composed"]
        text, random_id = told["parts"][number]
        one = {"entry": entry, "attempt": 1, "peer_id": told["peer_id"], "number": number, "quote": told["quote"]}
        items.append({**one, "text": text, "random_id": random_id, "is_last": number == len(told["parts"]) - 1})
    common = {name: job[name] for name in COMMON}
    batch = {"job": "b1", "kind": "send_batch", "entry": "batch-1", "attempt": 1, "slots": 1, "slot_in_ms": 5.0}
    verdict = worker.run({**common, **batch, "items": items})
    ends = {item["entry"]: item for item in verdict["items"]}
    return {**ends, "": {"verdict": verdict["verdict"], "used": verdict["slots_used"], "calls": verdict["calls_ms"]}}


def last(emulator: EmulatorClient) -> int:
    return int(emulator.read("")["sent"])


def test_what_is_composed_is_written_down_and_sent_in_one_request(
    bench: Bench, worker: Worker, emulator: EmulatorClient
) -> None:
    jobs = [bench.job("привет", peer_id=peer, from_id=peer) for peer in PEERS]
    before, calls = last(emulator), emulator.read("")["calls"]
    composed = compose(worker, *jobs)
    assert last(emulator) == before and all(bench.mark(job) for job in jobs)
    ends = send(worker, jobs[0], composed)
    (method, sent_ms, answered_ms) = ends.pop("")["calls"][0]
    assert method == "execute" and sent_ms >= answered_ms >= 0
    assert [end["verdict"] for end in ends.values()] == ["sent"] * 3
    sent = emulator.sent(before)
    assert [(one["peer_id"], one["text"]) for one in sent] == [(peer, 'И "тебе"\\ привет!') for peer in PEERS]
    assert emulator.read("")["calls"]["execute"] == calls.get("execute", 0) + 1


def test_each_part_of_a_batch_meets_its_own_fate(bench: Bench, worker: Worker, emulator: EmulatorClient) -> None:
    jobs = [bench.job("привет", peer_id=peer, from_id=peer) for peer in (*PEERS, 14)]
    composed = compose(worker, *jobs)
    emulator.fault(kind="error", code=10, method="messages.send", peer=PEERS[1], count=1)
    ends = send(worker, jobs[0], composed)
    assert ends[""]["verdict"] == "done" and ends[""]["used"] == 1
    assert [ends[job["entry"]]["verdict"] for job in jobs] == ["sent", "retry", "sent", "ignored"]
    assert "VK error 10" in ends[jobs[1]["entry"]]["reason"] and not ends[jobs[1]["entry"]]["outage"]
    assert "VK error 901" in ends[jobs[3]["entry"]]["reason"]  # nobody of this number ever wrote


def test_a_quotation_that_vk_refuses_is_left_out_and_a_chat_that_is_closed_is_told_of(
    bench: Bench, worker: Worker, emulator: EmulatorClient
) -> None:
    jobs = [bench.job("Анна, привет", peer_id=CHAT), bench.job("привет", peer_id=12, from_id=12)]
    composed = compose(worker, *jobs)
    emulator.fault(kind="error", code=921, method="messages.send", peer=CHAT, count=1)
    ends = send(worker, jobs[0], composed)
    assert ends[""]["used"] == 2  # once more, alone, without the quotation
    assert "VK error 917" in ends[jobs[0]["entry"]]["reason"] and ends[jobs[1]["entry"]]["verdict"] == "sent"


@pytest.mark.parametrize(("kind", "count"), [("reset_after", 2), ("http", 1)])
def test_a_lost_answer_leaves_every_event_to_be_tried_again_harmlessly(
    bench: Bench, worker: Worker, emulator: EmulatorClient, kind: str, count: int
) -> None:
    jobs = [bench.job("привет", peer_id=peer, from_id=peer) for peer in PEERS]
    before, composed = last(emulator), compose(worker, *jobs)
    emulator.fault(kind=kind, method="execute", count=count)
    ends = send(worker, jobs[0], composed)
    ends.pop("")
    assert {(end["verdict"], end["outage"]) for end in ends.values()} == {("retry", True)}
    again = compose(worker, *(bench.repeat(job, counted=False) for job in jobs))
    assert {entry: item["composed"]["parts"] for entry, item in again.items()} == {
        entry: item["composed"]["parts"] for entry, item in composed.items()
    }
    ends = send(worker, jobs[0], again)
    assert [end["verdict"] for end in ends.values()] == ["sent"] * 3 + ["done"], ends
    assert [one["peer_id"] for one in emulator.sent(before)] == list(PEERS)  # each once


def test_a_packing_that_vk_refuses_is_no_fault_of_any_message(
    bench: Bench, worker: Worker, emulator: EmulatorClient
) -> None:
    job = bench.job("привет")
    composed = compose(worker, job)
    emulator.fault(kind="error", code=12, method="execute", count=1)
    ends = send(worker, job, composed)
    assert ends[""]["verdict"] == "fail"
    end = ends[job["entry"]]
    assert (end["verdict"], end["outage"], end["alone"]) == ("retry", True, True)
    assert [(failure["method"], failure["code"]) for failure in end["vk_errors"]] == [("execute", 12)]
    assert worker.run(bench.repeat(job))["verdict"] == "done"  # alone, from its mark


def test_parts_are_noted_so_that_a_repeat_sends_the_rest(
    bench: Bench, worker: Worker, emulator: EmulatorClient
) -> None:
    job = bench.job("много")
    composed = compose(worker, job)
    parts = composed[job["entry"]]["composed"]["parts"]
    assert len(parts) == 2
    before = last(emulator)
    assert send(worker, job, composed)[job["entry"]]["verdict"] == "sent"
    again = compose(worker, bench.repeat(job, counted=False))[job["entry"]]
    assert list(again["composed"]["sent"]) == ["0"]
    assert worker.run(bench.repeat(job))["verdict"] == "done"
    assert [one["text"] for one in emulator.sent(before)] == [text for text, _ in parts]


def test_a_reply_that_needs_vk_is_left_to_a_job_with_a_slot(bench: Bench, worker: Worker) -> None:
    bench.know(12, fi_name="")
    jobs = [bench.job("кто ты", peer_id=12, from_id=12), bench.job("кто ты", peer_id=13, from_id=13)]
    composed = compose(worker, *jobs)
    assert composed[jobs[0]["entry"]]["alone"] and not bench.mark(jobs[0])
    assert composed[jobs[1]["entry"]]["verdict"] == "done" and composed[jobs[1]["entry"]]["composed"]


def test_names_of_several_new_people_are_asked_for_by_one_call(
    bench: Bench, worker: Worker, emulator: EmulatorClient
) -> None:
    for peer in PEERS:
        bench.know(peer, fi_name="", user_name="")
    jobs = [bench.job("кто ты", peer_id=peer, from_id=peer) for peer in PEERS]
    calls = emulator.read("")["calls"].get("users.get", 0)
    composed = compose(worker, *jobs)
    first = composed[jobs[0]["entry"]]
    assert first["composed"]["parts"][0][0] == "А ты A" and first["person"] == {"fi_name": "A", "la_name": "B"}
    assert first["slots_used"] == 1 and first["calls_ms"][0][0] == "users.get"
    assert [composed[job["entry"]]["slots_used"] for job in jobs[1:]] == [0, 0]
    assert emulator.read("")["calls"]["users.get"] == calls + 1
    assert all(bench.mark(job) for job in jobs)


def test_a_lane_that_was_taken_over_composes_and_sends_nothing(
    bench: Bench, worker: Worker, emulator: EmulatorClient
) -> None:
    job, other = bench.job("привет"), bench.job("привет", peer_id=12, from_id=12)
    composed, before = compose(worker, job), last(emulator)
    bench.client.set(keys.lease("anna"), "host:another")
    ends = send(worker, job, composed)
    assert (ends[job["entry"]]["verdict"], ends[job["entry"]]["outage"]) == ("retry", True)
    assert compose(worker, other)[other["entry"]]["verdict"] == "retry" and not bench.mark(other)
    assert last(emulator) == before and LEASE != "host:another"
