"""What VK makes of a callback's answer, by its documentation."""

from __future__ import annotations

import email.utils

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.emulator.schedule import Accepted, Again, Answer, GivenUp, Removed, judge

OK = Answer(200, b"ok")
NOW = 1_800_000_000.0


def after(answer: Answer, failed: int = 0, postponed: int = 0, *, counts: bool = False) -> object:
    return judge(answer, failed, postponed, NOW, postponed_counts=counts)


def busy(retry_after: str, status: int = 503) -> Answer:
    return Answer(status, b"", {"Retry-After": retry_after})


def test_only_the_two_bytes_ok_are_accepted() -> None:
    assert after(OK) == Accepted()
    for body in (b"", b"OK", b"ok\n", b" ok", b"\xef\xbb\xbfok", b'"ok"', b"version", b"removed"):
        assert isinstance(after(Answer(200, body)), Again), body
    for status in (201, 204, 301, 403, 404, 500):
        assert isinstance(after(Answer(status, b"ok")), Again), status


def test_magic_words_are_obeyed() -> None:
    assert after(Answer(200, b"remove")) == Removed()
    assert after(Answer(200, b"version 5.131")) == Accepted("5.131")


def test_delays_are_those_of_the_documentation_and_the_sixth_failure_is_the_end() -> None:
    silent = Answer(0, fault="timeout")
    delays = [after(silent, failed) for failed in range(6)]
    assert delays == [Again(10), Again(180), Again(600), Again(1800), Again(3600), GivenUp()]


@pytest.mark.parametrize("status", [410, 429, 503])
def test_retry_after_is_honoured_in_seconds_and_as_a_date(status: int) -> None:
    assert after(busy("7", status)) == Again(7, postponed=True)
    date = email.utils.formatdate(NOW + 90, usegmt=True)
    assert after(busy(date, status)) == Again(90, postponed=True)


@pytest.mark.parametrize("answer", [busy("10800"), busy("soon"), busy(""), busy("7", 500), busy("-5")])
def test_a_useless_retry_after_leaves_the_schedule(answer: Answer) -> None:
    assert after(answer) == Again(10)


def test_a_postponement_uses_up_a_step_only_when_told_to() -> None:
    assert after(busy("7"), failed=5, postponed=5) == Again(7, postponed=True)
    assert after(OK, failed=5, postponed=5) == Accepted()
    assert after(Answer(500), failed=5, postponed=5) == Again(10)
    assert after(busy("7"), failed=5, postponed=5, counts=True) == GivenUp()


@given(
    status=st.sampled_from([0, 200, 410, 429, 500, 503]),
    body=st.binary(max_size=12),
    retry_after=st.text(max_size=30) | st.integers().map(str),
    counts=st.booleans(),
)
def test_every_event_comes_to_an_end(status: int, body: bytes, retry_after: str, counts: bool) -> None:
    postponed = 0
    for failed in range(200):
        verdict = judge(
            Answer(status, body, {"Retry-After": retry_after}), failed, postponed, NOW, postponed_counts=counts
        )
        if not isinstance(verdict, Again):
            return
        assert 0 <= verdict.delay_s < 3 * 3600
        postponed += verdict.postponed
    raise AssertionError("still trying after 200 attempts")
