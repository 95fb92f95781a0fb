"""Why and how long a lane rests, as values: what opens a pause, what a probe proves, what an heir goes on from."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.dispatcher.keeping import kept
from server.dispatcher.pauses import BREAKER, METHOD, NOTICE, PAUSES_MAX, RATE, TOKEN, VK, Pauses, Rules
from server.dispatcher.trial import SEND, Trial, trial_of
from server.dispatcher.verdicts import Verdict

MINUTE = 60_000
_numbers = itertools.count(1)


def verdict(outcome: str = "retry", *, outage: bool = False, answered: Any = (), errors: Any = ()) -> Verdict:
    raw = {"vk_answered": list(answered), "vk_errors": list(errors)}
    return Verdict(outcome, reason="why", outage=outage, raw=raw)


def error(code: int, method: str = SEND, kind: str = "error", text: str = "") -> dict[str, Any]:
    return {"method": method, "code": code, "kind": kind, "text": text}


GOOD = trial_of(verdict("done", answered=[SEND]))
CRASH = trial_of(verdict())
DOWN = trial_of(verdict(outage=True, errors=[error(0, kind="unavailable", text="HTTP 502")]))
SILENT = trial_of(verdict(outage=True, errors=[error(0, kind="silent", text="ReadTimeout")]))
DEAD = trial_of(verdict(outage=True, errors=[error(5)]))


def tried(pauses: Pauses, trial: Trial, begun_ms: int, ended_ms: int | None = None) -> bool:
    """Let one attempt begin and end; say whether it does not count."""
    entry = f"{next(_numbers)}-0"
    pauses.begin(entry, begun_ms)
    decision = pauses.concluded(entry, trial, begun_ms if ended_ms is None else ended_ms)
    pauses.end(entry)
    return decision.is_spared


def kinds(pauses: Pauses, now_ms: int) -> list[str]:
    return [pause.kind for pause in pauses.listed(now_ms)]


def test_a_refused_token_stops_the_lane_until_a_probe_is_taken() -> None:
    pauses = Pauses(Rules(), "old")
    assert tried(pauses, DEAD, 1)
    assert kinds(pauses, 2) == [TOKEN] and pauses.is_shut(2) and pauses.next_ms(2) == MINUTE + 1
    assert not pauses.is_shut(MINUTE + 1)
    tried(pauses, DEAD, MINUTE + 1)
    assert pauses.is_shut(2 * MINUTE) and not pauses.is_shut(2 * MINUTE + 1)
    tried(pauses, GOOD, 2 * MINUTE + 1)
    assert kinds(pauses, 2 * MINUTE + 1) == []


def test_another_token_ends_it_at_once_and_the_same_does_not() -> None:
    pauses = Pauses(Rules(), "old")
    tried(pauses, DEAD, 1)
    assert pauses.token_is("old") == [] and pauses.is_shut(2)
    (change,) = pauses.token_is("new")
    assert change.is_over and not pauses.is_shut(2)


def test_a_check_of_the_token_stands_for_probes_and_its_success_lets_one_out() -> None:
    pauses = Pauses(Rules(), "t")
    tried(pauses, DEAD, 1)
    assert pauses.token_checked(True, 500) == []  # VK has just said otherwise
    pauses.token_checked(False, MINUTE)
    assert pauses.is_shut(2 * MINUTE)
    pauses.token_checked(True, 2 * MINUTE)
    assert not pauses.is_shut(2 * MINUTE) and kinds(pauses, 2 * MINUTE) == [TOKEN]
    tried(pauses, DEAD, 2 * MINUTE)  # the check was wrong: not again within a minute
    assert pauses.token_checked(True, 2 * MINUTE + 5000) == [] and pauses.is_shut(3 * MINUTE - 1)


def test_an_outage_opens_after_three_in_a_row_and_grows_to_its_bound() -> None:
    pauses, now = Pauses(Rules()), 1
    for trial in (DOWN, DOWN, GOOD, DOWN, DOWN):
        tried(pauses, trial, now)
    assert kinds(pauses, now) == []
    waits = []
    for _ in range(7):
        tried(pauses, DOWN, now)
        waits.append(pauses.listed(now)[0].until_ms - now)
        now = pauses.listed(now)[0].until_ms
    assert waits == [1000, 2000, 4000, 8000, 15000, 15000, 15000]
    tried(pauses, GOOD, now)
    assert kinds(pauses, now) == []


def test_jobs_that_were_under_way_neither_lengthen_nor_end_a_pause() -> None:
    pauses = Pauses(Rules())
    for number in range(6):
        pauses.begin(f"{number}", 1)
    for number in range(5):
        pauses.concluded(f"{number}", DOWN, 10 + number)
        pauses.end(f"{number}")
    (pause,) = pauses.listed(20)
    assert (pause.kind, pause.step) == (VK, 0)
    pauses.concluded("5", GOOD, 5000)
    assert kinds(pauses, 5000) == [VK]


def test_a_call_that_was_cut_and_repeated_is_no_failure() -> None:
    cut = trial_of(verdict("done", answered=[SEND], errors=[error(0, kind="unavailable")]))
    pauses = Pauses(Rules())
    for now in range(1, 10):
        tried(pauses, cut, now)
    assert kinds(pauses, 10) == []


@pytest.mark.parametrize(("code", "first_s"), [(14, 120), (29, 300)])
def test_a_method_out_of_quota_rests_for_long_and_longer_when_it_comes_back(code: int, first_s: int) -> None:
    refused = trial_of(verdict("fail", errors=[error(code)]))  # whatever an engine makes of it
    pauses, now = Pauses(Rules()), 1
    assert tried(pauses, refused, now)
    assert pauses.next_ms(now) == now + first_s * 1000
    now += first_s * 1000
    tried(pauses, GOOD, now)
    assert kinds(pauses, now) == []
    tried(pauses, refused, now + 1)
    assert pauses.next_ms(now + 1) == now + 1 + 2 * first_s * 1000


def test_a_method_that_falls_silent_twice_rests_alone() -> None:
    names = trial_of(verdict("done", answered=[SEND], errors=[error(0, "users.get", "silent")]))
    pauses = Pauses(Rules())
    tried(pauses, names, 1)
    assert pauses.paused_methods(1) == []
    tried(pauses, names, 2)
    assert pauses.paused_methods(3) == ["users.get"] and not pauses.is_shut(3)
    assert pauses.paused_methods(2 + 30_000) == []  # whose job asks next is the probe
    tried(pauses, trial_of(verdict("done", answered=["users.get"])), 2 + 30_000)
    assert kinds(pauses, 2 + 30_000) == []
    tried(pauses, SILENT, 40_000)
    tried(pauses, SILENT, 40_001)
    assert kinds(pauses, 40_001) == [METHOD + SEND] and pauses.is_shut(40_001)


def test_too_many_requests_rest_for_a_second() -> None:
    pauses = Pauses(Rules())
    assert tried(pauses, trial_of(verdict(errors=[error(6)])), 1)
    assert kinds(pauses, 2) == [RATE] and pauses.next_ms(2) == 1001


def test_a_bot_whose_messages_mostly_fail_is_paused_and_its_probes_do_not_count() -> None:
    pauses, now = Pauses(Rules()), 1
    for _ in range(10):
        assert not tried(pauses, GOOD, now)
    for number in range(10):
        assert kinds(pauses, now) == [], number
        assert not tried(pauses, CRASH, now)
    assert kinds(pauses, now) == [BREAKER] and pauses.is_shut(now)
    counted = []
    for _ in range(7):
        now = pauses.listed(now)[0].until_ms
        counted.append(not tried(pauses, CRASH, now))
    assert counted == [False] * 5 + [True] * 2  # at its longest: an event that can never be handled has an end
    now = pauses.listed(now)[0].until_ms
    tried(pauses, GOOD, now)
    assert kinds(pauses, now) == []
    for _ in range(10):
        tried(pauses, CRASH, now + 1)
    assert pauses.listed(now + 1)[0].step > 0  # it has not forgotten


@pytest.mark.parametrize(
    "trial",
    [DOWN, DEAD, trial_of(verdict("ignored")), trial_of(verdict(errors=[error(9)])), trial_of(verdict(outage=True))],
)
def test_outages_refusals_of_one_peer_and_what_is_left_alone_do_not_trip_the_breaker(trial: Trial) -> None:
    pauses = Pauses(Rules())
    for now in range(1, 40):
        tried(pauses, trial, now)
    assert BREAKER not in kinds(pauses, 40)


def test_an_error_for_the_operator_is_shown_for_a_while_and_kept_seldom() -> None:
    pauses = Pauses(Rules())
    seen = trial_of(verdict("done", answered=[SEND], errors=[error(912), error(4242), error(911)]))
    pauses.begin("a", 1)
    assert len(pauses.concluded("a", seen, 1).changes) == 2
    assert pauses.concluded("a", seen, 2).changes == ()
    assert kinds(pauses, 2) == [f"{NOTICE}4242", f"{NOTICE}912"] and not pauses.is_shut(2)
    assert kinds(pauses, 600_002) == []


def test_a_reply_of_an_engine_that_tells_nothing_of_vk_ends_a_pause() -> None:
    pauses = Pauses(Rules())
    for _ in range(3):
        tried(pauses, DOWN, 1)
    assert kinds(pauses, 1) == [VK]
    tried(pauses, trial_of(Verdict("done", raw={"reply": {"peer_id": 7, "parts": []}})), 1001)
    assert kinds(pauses, 1001) == []


def test_an_error_without_a_number_is_no_silence() -> None:
    pauses = Pauses(Rules())
    for now in (1, 2, 3):
        tried(pauses, trial_of(verdict("fail", errors=[error(0)])), now)
    assert kinds(pauses, 3) == [f"{NOTICE}-1"]


def test_notices_are_bounded() -> None:
    pauses = Pauses(Rules())
    for code in range(5000, 5200):
        tried(pauses, trial_of(verdict("fail", errors=[error(code)])), 1)
    assert len([kind for kind in kinds(pauses, 2) if kind.startswith(NOTICE)]) <= PAUSES_MAX


def test_an_heir_goes_on_from_what_was_kept() -> None:
    pauses = Pauses(Rules(), "old")
    tried(pauses, DEAD, 1)
    found = kept({b"token": _json(pauses), b"junk": b"{", b"other": b'{"kind": 1}'})
    heir, richer = Pauses(Rules(), "old"), Pauses(Rules(), "new")
    assert heir.load(found, 30_000) == [] and heir.is_shut(30_000) and not heir.is_shut(MINUTE + 1)
    (change,) = richer.load(found, 30_000)
    assert change.is_over and not richer.is_shut(30_000)


def _json(pauses: Pauses) -> bytes:
    from dataclasses import asdict

    from db import codec

    return codec.dumps(asdict(pauses.listed(2)[0]))


def test_a_clock_that_was_set_back_shuts_no_lane_for_ever() -> None:
    pauses = Pauses(Rules(), "t")
    tried(pauses, DEAD, 10**13)
    assert not pauses.is_shut(10**12)


@pytest.mark.parametrize("raw", [None, 7, "x", [7], [{"code": "5"}], [{"code": True}], [{"code": 5, "method": None}]])
def test_whatever_an_engine_says_of_vk_is_borne(raw: Any) -> None:
    trial_of(Verdict("retry", raw={"vk_errors": raw, "vk_answered": raw}))


@given(st.integers(0, 2**32))
def test_never_more_than_one_probe_is_out_and_all_pauses_end_when_all_goes_well(seed: int) -> None:
    """A lane played at random: whatever happens, what rests is probed one by one, and good ends end it."""
    dice, pauses, now = random.Random(seed), Pauses(Rules(), "t"), 1
    running: dict[str, bool] = {}  # entry -> whether it began while the lane rested
    trials = (GOOD, CRASH, DOWN, SILENT, DEAD, trial_of(verdict(errors=[error(29)])))
    for number in range(200):
        now += dice.choice((0, 1, 1000, 40_000))
        if dice.random() < 0.5 and len(running) < 5 and not pauses.is_shut(now):
            rests = any(pause.shuts for pause in pauses.listed(now))
            pauses.begin(f"{number}", now)
            running[f"{number}"] = rests
        elif running:
            entry = dice.choice(sorted(running))
            pauses.concluded(entry, dice.choice(trials), now)
            pauses.end(entry)
            del running[entry]
        assert sum(running.values()) <= 1, f"seed {seed}"
    for entry in running:
        pauses.end(entry)
    for _ in range(10):
        now = max(now + 1, pauses.next_ms(now) or 0)
        assert not pauses.is_shut(now), f"seed {seed}"
        tried(pauses, GOOD, now)
    assert not any(pause.shuts for pause in pauses.listed(now)), f"seed {seed}"
