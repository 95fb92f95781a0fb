"""The emulator's meter: the limit holds in any second, not in the clock's seconds, and every request is counted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from server.emulator.rate import METHODS_MAX, Meter
from tests.emulation import running_emulator


def ask(meter: Meter, now: float, limit: int, method: str = "users.get") -> bool:
    meter.arrive(now, method)
    return meter.admit(now, limit)


def test_the_window_slides() -> None:
    meter = Meter()
    assert all(ask(meter, 0.75 + number / 1024, 20) for number in range(20))
    assert not ask(meter, 1.25, 20), "another second of the clock is still the same second of VK"
    assert not ask(meter, 1.7490, 20)
    assert ask(meter, 1.75, 20), "the first of the twenty is a second back"
    assert not ask(meter, 1.7505, 20)
    assert (meter.total, meter.refused, meter.most) == (24, 3, 23)


def test_no_limit_refuses_nothing_and_still_counts() -> None:
    meter = Meter()
    assert all(ask(meter, 0.0, 0) for _ in range(50))
    assert (meter.most, meter.refused) == (50, 0)


def test_methods_are_counted_apart_up_to_a_bound() -> None:
    meter = Meter()
    for number in range(METHODS_MAX + 5):
        meter.arrive(0.0, f"m{number}")
    meter.arrive(0.0, "m0")
    assert (meter.methods["m0"], meter.methods["others"]) == (2, 5)
    assert sum(meter.methods.values()) == meter.total == METHODS_MAX + 6


@given(gaps=st.lists(st.floats(0, 0.6), max_size=120), limit=st.integers(1, 6))
def test_never_more_than_the_limit_in_any_second(gaps: list[float], limit: int) -> None:
    meter, now, came, admitted = Meter(), 0.0, [], []
    for gap in gaps:
        now += gap
        came.append(now)
        if ask(meter, now, limit):
            admitted.append(now)
    for index, first in enumerate(admitted):
        assert sum(1 for moment in admitted[index:] if moment - first < 1.0) <= limit
    assert meter.most == max((_in_a_second_from(came, index) for index in range(len(came))), default=0)


def _in_a_second_from(moments: list[float], index: int) -> int:
    return sum(1 for moment in moments[index:] if moment - moments[index] < 1.0)


def test_the_emulator_tells_requests_by_method_and_begins_anew() -> None:
    with running_emulator(rate_limit=4) as emulator:
        emulator.community(7, "token-7")
        emulator.call("execute", "token-7", code="return [API.utils.getServerTime(), API.utils.getServerTime()];")
        emulator.fault(kind="http", method="users.get")
        emulator.call_status("users.get", "token-7")
        for _ in range(4):
            emulator.call("utils.getServerTime", "token-7")
        expected = {"execute": 1, "users.get": 1, "utils.getServerTime": 4}
        counted = emulator.read("rate")["tokens"]["7"]
        assert counted == {"total": 6, "most": 6, "refused": 1, "methods": expected}, "a request that failed came too"
        assert emulator.forget_rate()["tokens"]["7"] == counted
        emulator.call("utils.getServerTime", "token-7")
        assert emulator.read("rate")["tokens"]["7"]["methods"] == {"utils.getServerTime": 1}
