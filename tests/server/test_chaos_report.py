"""The report of a run of chaos tells what happened: how soon replies came back, what was in a fault's window."""

from __future__ import annotations

from dataclasses import replace

from db.dead import DeadLetter
from server.chaos.harms import Harm
from server.chaos.plan import Kind
from server.chaos.report import Report, make_report, recoveries, window
from server.demo.play import Outcome
from server.demo.score import Said, Shown, link_answers


def said(number: int, at_ms: float, peer: int = 1) -> Said:
    return Said(f"e{number}", 7, peer, number, "known", at_ms, at_ms + 1)


def kill(kind: Kind, at_ms: float, *events: str, up_ms: float | None = None) -> Harm:
    return Harm(kind, "kill", at_ms, at_ms, frozenset(events), up_ms)


def seconds(harms: list[Harm], replies: list[tuple[Said, float]]) -> dict[str, list[float]]:
    return recoveries(harms, [window(harm, replies) for harm in harms])


def test_a_worker_is_judged_by_the_conversation_that_it_was_about() -> None:
    replies = [(said(2, 900, peer=2), 1_010.0), (said(1, 990), 1_700.0)]
    assert seconds([kill("worker", 1_000, "e1")], replies) == {"worker": [0.7]}
    assert seconds([kill("worker", 1_000)], replies) == {}, "an idle worker held nothing up"


def test_other_kinds_are_judged_by_what_was_not_on_its_way_at_the_kill() -> None:
    replies = [(said(1, 990), 1_020.0), (said(2, 900), 1_500.0)]
    assert seconds([kill("redis", 1_000)], replies) == {"redis": [0.5]}


def test_a_platform_is_judged_from_its_new_start_on() -> None:
    replies = [(said(1, 1_100), 4_000.0)]
    assert seconds([kill("platform", 1_000, up_ms=1_500)], replies) == {"platform": [2.5]}


def test_kills_that_overlap_are_not_measured_unless_nobody_can_feel_the_other() -> None:
    replies = [(said(1, 1_300), 1_900.0)]
    assert seconds([kill("redis", 1_000), kill("callback", 1_200)], replies) == {}
    assert seconds([kill("redis", 1_000), kill("mariadb", 1_200)], replies) == {"redis": [0.9]}


def test_a_stopped_process_is_felt_until_it_goes_on() -> None:
    stop = replace(kill("redis", 1_000), how="stop", until_ms=11_000.0)
    replies = [(said(1, 5_000), 11_200.0), (said(2, 20_000), 20_020.0)]
    assert seconds([stop, kill("callback", 10_990)], replies) == {}
    assert window(stop, replies).end_ms == 11_200.0


def reported(replies: list[Shown], **more: int) -> Report:
    events = [said(1, 1_000), said(2, 2_000), said(3, 9_000)]
    answers = link_answers(events, replies, lambda *place: hash(place))
    letter = DeadLetter("1-1", "bot", "1-0", "e2", "message_new", 1, 1, 4, "worker 5 ended", "", 0, {})
    outcome = Outcome(events, replies, answers, {"e1": ["да"], "e3": ["да"]}, [letter])
    counts = {"orphans": 0, "crashes": 0, **more}
    return make_report(outcome, [kill("redis", 1_950)], seed=1, seconds=10, missed=0, **counts)


def shown(number: int, at_ms: float) -> Shown:
    return Shown(7, 1, hash((7, 1, number, 0)), at_ms)


def test_a_dead_letter_is_not_lost_and_what_is_left_behind_is_not_clean() -> None:
    report = reported([shown(1, 1_030), shown(3, 9_040)])
    assert (report.lost, report.dead, report.both, report.letters) == (0, 1, 0, {"worker 5 ended": 1})
    assert report.is_clean
    assert not reported([shown(1, 1_030), shown(3, 9_040)], orphans=1).is_clean
    assert not reported([shown(1, 1_030), shown(3, 9_040)], crashes=1).is_clean


def test_an_answer_to_a_dead_letter_and_one_that_is_missing_are_not_clean() -> None:
    answered = reported([shown(1, 1_030), shown(2, 2_500), shown(3, 9_040)])
    assert answered.both == 1 and not answered.is_clean
    assert reported([shown(1, 1_030)]).lost == 1


def test_times_are_told_apart_by_the_windows_of_harms() -> None:
    report = reported([shown(1, 1_030), shown(3, 9_040)])
    assert (report.latency_ms["outside"].most, report.latency_ms["outside"].count) == (30, 1)
    assert (report.latency_ms["inside"].most, report.latency_ms["inside"].count) == (40, 1)


def test_a_recovery_above_its_limit_is_told() -> None:
    slow = reported([shown(1, 1_030), shown(3, 9_040)])
    assert slow.recovery_s["redis"].most == 7.09 and not slow.is_quick
