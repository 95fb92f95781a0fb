"""When a bot is paused because most of its messages fail."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from server.dispatcher.breaker import FAILED_MIN, WINDOW, Tally, is_tripped, length_s

ENDS = st.lists(st.booleans(), max_size=60)


@given(ENDS)
def test_ten_failures_among_the_last_twenty_attempts_trip_it_and_nine_do_not(failed: list[bool]) -> None:
    tally = Tally()
    for one in failed:
        tally.add(one)
    assert tally.is_tripped == is_tripped(failed) == (failed[-WINDOW:].count(True) >= FAILED_MIN)


@given(ENDS)
def test_twenty_attempts_that_go_well_untrip_it(failed: list[bool]) -> None:
    assert not is_tripped([*failed, *[False] * WINDOW])


@given(ENDS, st.integers(0, 59))
def test_an_attempt_that_went_well_instead_never_trips_it(failed: list[bool], at: int) -> None:
    better = [one and number != at for number, one in enumerate(failed)]
    assert is_tripped(failed) or not is_tripped(better)


@given(st.integers(-5, 10_000), st.floats(0.001, 100), st.floats(100, 10_000))
def test_the_pause_grows_within_its_bounds(step: int, first_s: float, most_s: float) -> None:
    shorter, longer = length_s(step, first_s, most_s), length_s(step + 1, first_s, most_s)
    assert first_s <= shorter <= longer <= most_s
