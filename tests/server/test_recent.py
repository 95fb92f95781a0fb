"""The figures of a bot's last minutes, as values."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from server.dispatcher.recent import RATE_SLOTS, SLOT_S, SLOTS, Figures, Recent, Recents, rounded_rate, two_digits

WINDOW_S = SLOTS * SLOT_S


def test_bot_of_which_nothing_was_heard_has_no_figures() -> None:
    assert Recent(0).figures(1000) == Figures(0.0, None, 0, None)


def test_rate_is_of_the_last_minute_and_starts_at_once() -> None:
    recent = Recent(1000)
    for tenth in range(10 * 120):
        recent.settled(1000 + tenth / 10, tenth, 20)
        if tenth == 30:
            assert recent.figures(1003).rate == 6.2  # 31 of the first slot's 50
    assert recent.figures(1010).rate == recent.figures(1120).rate == 10
    assert recent.figures(1150).rate == 5
    assert recent.figures(1181).rate == 0 and recent.figures(1181).last_ms == 1199


def test_figures_forget_after_five_minutes() -> None:
    recent = Recent(0)
    recent.settled(1, 1000, 7)
    recent.failed(1)
    assert recent.figures(WINDOW_S - 1) == Figures(0.0, 7, 1, 1000)
    assert recent.figures(WINDOW_S + SLOT_S) == Figures(0.0, None, 0, 1000)


def test_p95_is_what_five_of_a_hundred_exceed() -> None:
    recent = Recent(0)
    for age in [10] * 95 + [3456] * 5:
        recent.settled(1, 1, age)
    assert recent.figures(1).p95_ms == 10
    recent.settled(1, 1, 3456)
    assert recent.figures(1).p95_ms == 3400


def test_steps_count_as_what_they_are() -> None:
    recents = Recents(lambda: 3.0, lambda: 77.0)

    def note(step: str, **more: Any) -> None:
        recents.note({"bot": "anna", "step": step, "age_ms": 40, **more})

    for step in ("handed out", "gone"):
        note(step, worker=1)
    assert recents.figures("anna") == Figures()
    note("ignored")  # stale or flood: as old as it may be, nobody waited for a worker
    assert recents.figures("anna") == Figures(0.2, None, 0, 77_000)
    note("done", worker=1)
    note("retry", worker=1)
    note("buried", worker=1)
    assert recents.figures("anna") == Figures(0.6, 40, 2, 77_000)
    assert recents.figures("vera") == Figures()
    recents.keep(["vera"])
    assert recents.figures("anna") == Figures()


@given(st.integers(0, 10**9))
def test_two_digits_are_kept_and_never_more(value: int) -> None:
    rounded = two_digits(value)
    assert rounded <= value and value - rounded <= value / 10
    assert len(str(rounded).rstrip("0")) <= 2


@given(st.lists(st.tuples(st.floats(0, 400), st.integers(-5, 10**9)), max_size=200))
def test_window_is_bounded_whatever_comes(told: list[tuple[float, int]]) -> None:
    recent, now = Recent(0), 0.0
    for pause, age in told:
        now += pause
        recent.settled(now, 1, age)
    assert len(recent._slots) <= SLOTS and all(len(slot.ages) <= 730 for slot in recent._slots)
    figures = recent.figures(now)
    assert 0 <= figures.rate <= len(told) / SLOT_S and RATE_SLOTS < SLOTS


def test_rate_of_ten_and_more_is_whole() -> None:
    assert [rounded_rate(rate) for rate in (0.04, 0.16, 9.94, 9.96, 123.4)] == [0.0, 0.2, 9.9, 10.0, 123.0]
