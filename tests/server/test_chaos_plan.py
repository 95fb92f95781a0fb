"""What is hurt next: every kind in its turn, and the same for the same seed."""

from __future__ import annotations

import random
from collections import Counter

from server.chaos.plan import KINDS, PAUSE_S, Plan, Step


def steps(count: int, seed: int = 7) -> list[Step]:
    plan = Plan(random.Random(seed))
    return [plan.next() for _ in range(count)]


def test_every_kind_has_its_turn_in_each_round() -> None:
    planned = steps(10 * len(KINDS))
    for begin in range(0, len(planned), len(KINDS)):
        assert {step.kind for step in planned[begin : begin + len(KINDS)]} == set(KINDS)


def test_ten_minutes_kill_each_kind_twenty_times() -> None:
    planned = steps(1000)
    fit, seconds = [], 0.0
    for step in planned:
        seconds += step.pause_s + 0.2  # what a harm itself takes
        if seconds > 600:
            break
        fit.append(step)
    kills = Counter(step.kind for step in fit if step.how == "kill")
    assert sum(kills.values()) >= 200 and min(kills.values()) >= 20 and set(kills) == set(KINDS)
    assert any(step.how == "stop" for step in fit)


def test_pauses_are_within_their_bounds_and_a_seed_repeats_its_plan() -> None:
    planned = steps(200)
    assert all(PAUSE_S[0] <= step.pause_s <= PAUSE_S[1] and 0 <= step.spot < 1 for step in planned)
    assert planned == steps(200) != steps(200, seed=8)
