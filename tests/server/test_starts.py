"""When the operator is told that an engine does not start."""

from __future__ import annotations

from server.dispatcher.starts import CALM_S, FAILED_AFTER, Starts


def state(starts: Starts) -> str:
    info = starts.info("worker", "engine")
    return info.state if info else ""


def test_failures_in_a_row_are_shown_and_become_failed() -> None:
    starts = Starts()
    shown = []
    for _ in range(FAILED_AFTER):
        starts = starts.failed("exited with 127", 1.0)
        shown.append(state(starts))
    assert shown == ["backoff"] * (FAILED_AFTER - 1) + ["failed"]
    info = starts.info("worker", "engine")
    assert info is not None and (info.restarts, info.reason) == (FAILED_AFTER, "exited with 127")


def test_a_verdict_clears_everything() -> None:
    starts = Starts().failed("x", 1.0).died_at_work("y", 2.0)
    assert state(starts) == "backoff" and state(starts.worked()) == ""


def test_an_engine_that_has_worked_is_not_blamed_for_the_messages_that_kill_it() -> None:
    starts = Starts().worked()
    assert starts.died_at_work("killed by SIGSEGV", 1.0) == starts
    assert state(starts.failed("no more memory", 1.0)) == "backoff"


def test_the_trouble_of_starting_is_over_when_all_stand_for_a_while() -> None:
    starts = Starts().failed("x", 1.0)
    assert starts.calmed(1.5 + CALM_S, is_full=False) == starts
    assert starts.calmed(1.0 + CALM_S / 2, is_full=True) == starts
    assert state(starts.calmed(1.5 + CALM_S, is_full=True)) == ""


def test_workers_that_stand_and_never_answer_stay_in_trouble() -> None:
    starts = Starts().died_at_work("no verdict within 30 s", 1.0)
    assert starts.calmed(9999.0, is_full=True) == starts
