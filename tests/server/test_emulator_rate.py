"""The emulator's meter: the limit holds in any second, not in the clock's seconds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from server.emulator.rate import Meter


def test_the_window_slides() -> None:
    meter = Meter()
    assert all(meter.admit(0.75 + number / 1024, 20) for number in range(20))
    assert not meter.admit(1.25, 20), "another second of the clock is still the same second of VK"
    assert not meter.admit(1.7490, 20)
    assert meter.admit(1.75, 20), "the first of the twenty is a second back"
    assert not meter.admit(1.7505, 20)
    assert (meter.total, meter.refused, meter.most) == (24, 3, 23)


def test_no_limit_refuses_nothing_and_still_counts() -> None:
    meter = Meter()
    assert all(meter.admit(0.0, 0) for _ in range(50))
    assert (meter.most, meter.refused) == (50, 0)


@given(gaps=st.lists(st.floats(0, 0.6), max_size=120), limit=st.integers(1, 6))
def test_never_more_than_the_limit_in_any_second(gaps: list[float], limit: int) -> None:
    meter, now, admitted = Meter(), 0.0, []
    for gap in gaps:
        now += gap
        if meter.admit(now, limit):
            admitted.append(now)
    for index, first in enumerate(admitted):
        assert sum(1 for moment in admitted[index:] if moment - first < 1.0) <= limit
