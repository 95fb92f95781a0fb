"""What a lane does with a free worker, and what fits into one batch: values in, values out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from db.inbox import Entry
from server.dispatcher.batches import COMPOSED_MAX, FILL_MS, PARTS_MAX, Load, SlotsLeft, next_step
from server.dispatcher.composed import LETTERS_MAX, Composed, Outbox
from server.dispatcher.verdicts import Verdict

BACKLOG = Load(ready=500, free=3, can_compose=True)


@pytest.mark.parametrize(
    ("load", "step"),
    [
        (Load(ready=0, free=20), "nothing"),
        (Load(ready=1, free=20, can_compose=True), "answer"),
        (Load(ready=20, free=20, can_compose=True), "answer"),
        (Load(ready=21, free=20, can_compose=True), "compose"),
        (Load(ready=1, free=0, is_blocked=True, can_compose=True), "compose"),
        (Load(ready=1, free=0, is_blocked=True, head_is_alone=True), "nothing"),
        (Load(ready=500, free=0, packs=False), "answer"),
        (Load(ready=500, free=0, packs=False, is_blocked=True), "nothing"),
        (BACKLOG, "compose"),
        (replace(BACKLOG, is_blocked=True), "compose"),
        (replace(BACKLOG, head_is_alone=True), "answer"),
        (replace(BACKLOG, head_is_alone=True, parts=25), "send"),
        (replace(BACKLOG, head_is_alone=True, parts=25, sent_batch_last=True), "answer"),
        (replace(BACKLOG, head_is_alone=True, is_blocked=True), "compose"),
        (replace(BACKLOG, parts=PARTS_MAX), "send"),
        (replace(BACKLOG, parts=PARTS_MAX - 1), "compose"),
        (replace(BACKLOG, parts=PARTS_MAX - 1, oldest_ms=FILL_MS), "send"),
        (replace(BACKLOG, parts=COMPOSED_MAX, is_blocked=True), "nothing"),
        (replace(BACKLOG, parts=10, composing=COMPOSED_MAX - 10), "nothing"),
        (Load(ready=0, free=5, parts=3), "send"),
        (Load(ready=0, free=5, parts=3, composing=1), "nothing"),
        (Load(ready=2, free=5, parts=3, composing=1), "answer"),
        (Load(ready=0, free=0, parts=3, is_blocked=True), "nothing"),
    ],
)
def test_a_free_worker_answers_composes_or_sends(load: Load, step: str) -> None:
    assert next_step(load) == step


def composed(number: int, *texts: str) -> Composed:
    entry = Entry(f"{number}-0", "message_new", number, 1, number, f"e{number}", 0, 0)
    parts: list[list[Any]] = [[text, 7 + at] for at, text in enumerate(texts)]
    told = {"outcome": "done", "peer_id": number, "parts": parts, "quote": 5, "sent": {}}
    return Composed(
        entry,
        1,
        {},
        {"verdict": "done", "match": {"rx": "hi"}, "composed": told},
        0,
        number,
        Verdict("done", slots_used=0),
    )


def test_a_batch_is_filled_in_order_up_to_calls_and_letters() -> None:
    outbox = Outbox()
    for number in range(30):
        outbox.put(composed(number, "hi"))
    first = outbox.take()
    assert [one.entry.peer_id for one in first] == list(range(PARTS_MAX)) and len(outbox) == 5
    outbox.put_first(first[:2])
    assert [one.entry.peer_id for one in outbox.take(3)] == [0, 1, 25]
    long = Outbox()
    for number in range(3):
        long.put(composed(number, "x" * (LETTERS_MAX // 2)))
    assert [len(long.take()), len(long.take()), len(long.take())] == [2, 1, 0]


def test_parts_go_one_after_the_other_and_those_that_vk_has_are_left_out() -> None:
    reply = composed(7, "one", "two", "three")
    reply.sent = {0: 100}
    assert reply.go_on()
    sending = reply.sending()
    assert (sending["text"], sending["random_id"], sending["quote"], sending["is_last"]) == ("two", 8, 0, False)
    reply.sent[1] = 101
    assert reply.go_on() and reply.sending()["is_last"]
    reply.sent[2] = None
    assert not reply.go_on()
    final = reply.final()
    assert [part["message_id"] for part in final["reply"]["parts"]] == [100, 101, None]
    assert final["match"] == {"rx": "hi"} and final["verdict"] == "done"
    assert composed(7, "one").sending()["quote"] == 5


def test_slots_are_counted_until_a_window_after_their_end() -> None:
    slots = SlotsLeft(1000)
    for _ in range(3):
        slots.taken()
    assert slots.free(4, 0) == 1
    slots.ended(1, 100)
    slots.ended(0, 100)  # given back
    slots.ended(-1, 100)  # nobody knows
    assert slots.free(4, 1099) == 2 and slots.free(4, 1100) == 4
    slots.taken()
    slots.ended(1, 50_000)
    assert slots.free(4, 3) == 4  # the clock was set back
