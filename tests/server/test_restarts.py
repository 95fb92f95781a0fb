"""The restart rules, as arithmetic."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from server.restarts import Restart, RestartHistory, RestartRules, after_failure

RULES = RestartRules()


class Middle(random.Random):
    """Dice without luck."""

    def uniform(self, a: float, b: float) -> float:
        return (a + b) / 2


def fail(
    history: RestartHistory, now_s: float, up_s: float = 0.0, essential: bool = False, dice: random.Random | None = None
) -> Restart:
    return after_failure(history, now_s=now_s, up_s=up_s, essential=essential, dice=dice or Middle(), rules=RULES)


def test_wait_doubles_up_to_half_a_minute() -> None:
    history, delays, now_s = RestartHistory(), [], 0.0
    for _ in range(10):
        now_s += 61  # apart enough never to be too many
        restart = fail(history, now_s)
        history = restart.history
        delays.append(restart.delay_s)
    assert delays == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0]


def test_sixth_failure_in_a_minute_is_final_but_for_the_essential() -> None:
    for essential, expected in ((False, None), (True, 30.0)):
        history = RestartHistory()
        for second in range(5):
            restart = fail(history, float(second), essential=essential)
            history = restart.history
            assert not history.is_failed and restart.delay_s is not None
        restart = fail(history, 5.0, essential=essential)
        assert restart.history.is_failed
        assert restart.delay_s == expected


def test_essential_child_is_tried_every_half_minute_for_ever_and_stays_failed() -> None:
    history = RestartHistory(is_failed=True)
    for now_s in range(0, 100_000, 31):
        restart = fail(history, float(now_s), up_s=1.0, essential=True)
        history = restart.history
        assert restart.delay_s == 30.0 and history.is_failed
        assert len(history.failures) <= 6


def test_a_minute_of_health_makes_up_for_everything() -> None:
    history = RestartHistory(failures=(1.0, 2.0, 3.0, 4.0, 5.0, 6.0), in_a_row=40, is_failed=True)
    assert fail(history, 70.0, up_s=60.0, essential=True) == Restart(RestartHistory((70.0,), 1), 0.2)
    assert fail(history, 70.0, up_s=59.9, essential=True).delay_s == 30.0


@given(st.integers(0, 10**9), st.integers(0, 2**32))
def test_wait_is_never_more_than_a_fifth_off(in_a_row: int, seed: int) -> None:
    exact = fail(RestartHistory(in_a_row=in_a_row), 0.0).delay_s
    rolled = fail(RestartHistory(in_a_row=in_a_row), 0.0, dice=random.Random(seed)).delay_s
    assert exact is not None and rolled is not None
    assert 0.8 * exact <= rolled <= 1.2 * exact <= 36.0
