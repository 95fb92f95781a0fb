"""How surely an answer tells when VK had a request, and that slots held by it never let a second hold too many."""

from __future__ import annotations

import heapq
import random

import pytest

from db.slots import WINDOW_MS
from server.dispatcher.pace import KNOWN, Pace
from server.dispatcher.verdicts import BadVerdict, parse_verdict


def test_a_method_that_nobody_knows_had_its_request_at_the_answer() -> None:
    pace = Pace()
    assert pace.arrived_ms([("messages.send", 80.0, 3.0)] * (KNOWN - 1)) == [3.0] * (KNOWN - 1)
    assert pace.arrived_ms([("messages.send", 83.0, 3.0)]) == [80.0]  # 77 was the least of all
    assert pace.arrived_ms([("users.get", 83.0, 3.0)]) == [3.0]


def test_a_slower_call_may_have_arrived_later_and_one_without_an_answer_just_now() -> None:
    pace = Pace()
    pace.arrived_ms([("messages.send", 80.0, 0.0)] * KNOWN)
    assert pace.arrived_ms([("messages.send", 500.0, 10.0), ("", 700.0, 0.0)]) == [90.0, 0.0]
    assert pace.arrived_ms([("messages.send", 30.0, 10.0)]) == [30.0]  # never before it was sent


@pytest.mark.parametrize("seed", range(5))
def test_no_second_holds_too_many_whatever_delays_a_request(seed: int) -> None:
    """Twenty slots, each used again as soon as it ends: journeys of 1 to 400 ms, VK needs 78 ms and more."""
    dice, pace = random.Random(seed), Pace()
    ends_ms = [(0.0, number) for number in range(20)]
    heapq.heapify(ends_ms)
    arrivals = []
    for _ in range(4000):
        sent_ms, slot = heapq.heappop(ends_ms)
        sent_ms += dice.expovariate(1 / 4)
        journey_ms = 1.0 + (dice.uniform(0, 400) if dice.random() < 0.1 else dice.expovariate(1 / 3))
        arrivals.append(sent_ms + journey_ms)
        answered_ms = arrivals[-1] + 78 + dice.expovariate(1 / 4) + 1.0
        (arrived_ms,) = pace.arrived_ms([("messages.send", answered_ms - sent_ms, 0.0)])
        heapq.heappush(ends_ms, (max(answered_ms - arrived_ms + WINDOW_MS, answered_ms), slot))
    arrivals.sort()
    assert all(later - first >= 1000 for first, later in zip(arrivals, arrivals[20:], strict=False))
    assert len(arrivals) / (arrivals[-1] / 1000) > 17


@pytest.mark.parametrize("calls", [7, [["messages.send", 1]], [["messages.send", "x", 0]], [None]])
def test_calls_that_break_the_protocol_are_refused(calls: object) -> None:
    with pytest.raises(BadVerdict, match="calls_ms"):
        parse_verdict({"job": "a", "verdict": "done", "calls_ms": calls})
