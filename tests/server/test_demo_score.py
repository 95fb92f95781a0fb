"""The judge of the demo finds what it is there to find."""

from __future__ import annotations

from dataclasses import replace

from server.demo.score import Said, Shown, Summary, link_answers, summarise

PEER = 2_000_000_001


def random_id(group_id: int, peer_id: int, cmid: int, part: int) -> int:
    return hash((group_id, peer_id, cmid, part))


def said(cmid: int, kind: str = "known") -> Said:
    return Said(f"e{cmid}", 1, PEER, cmid, kind, at_ms=cmid * 100, accepted_ms=cmid * 100 + 5)


def shown(cmid: int, part: int = 0, after_ms: float = 20) -> Shown:
    return Shown(1, PEER, random_id(1, PEER, cmid, part), cmid * 100 + after_ms)


def judged(events: list[Said], messages: list[Shown], **remembered: list[str]) -> Summary:
    return summarise(events, link_answers(events, messages, random_id), remembered)


def test_a_clean_run_is_clean() -> None:
    summary = judged([said(1), said(2, "unknown"), said(3, "aside")], [shown(1)], e1=["привет"], e2=[""])
    assert summary.is_clean
    assert (summary.events, summary.replies, summary.unsolved) == (3, 1, 1)
    assert summary.latency_p50_ms == 20


def test_an_event_that_history_does_not_know_is_lost() -> None:
    assert judged([said(1), said(2)], [shown(1)], e1=["да"]).lost == 1


def test_a_reply_that_vk_never_showed_is_lost() -> None:
    assert judged([said(1), said(2)], [shown(1)], e1=["да"], e2=["нет"]).lost == 1


def test_a_part_shown_twice_is_a_double_and_two_parts_are_not() -> None:
    assert judged([said(1)], [shown(1), shown(1, after_ms=30)], e1=["да"]).duplicated == 1
    assert judged([said(1)], [shown(1), shown(1, part=1)], e1=["да"]).duplicated == 0


def test_two_history_rows_of_one_event_are_a_double() -> None:
    assert judged([said(1)], [shown(1)], e1=["да", "да"]).duplicated == 1


def test_a_message_that_answers_nothing_counts_against_the_run() -> None:
    assert judged([said(1)], [shown(1), shown(7)], e1=["да"]).duplicated == 1


def test_a_later_message_answered_first_is_out_of_order() -> None:
    summary = judged([said(1), said(2)], [shown(1, after_ms=500), shown(2)], e1=["да"], e2=["нет"])
    assert summary.out_of_order == 1


def test_a_run_without_replies_is_not_clean() -> None:
    assert not judged([said(1, "aside")], []).is_clean


def test_a_message_that_vk_had_to_post_again_may_be_answered_late() -> None:
    late = replace(said(1), accepted_ms=450)
    assert judged([late, said(2)], [shown(1, after_ms=500), shown(2)], e1=["да"], e2=["нет"]).is_clean


def test_an_event_that_vk_got_no_ok_for_is_lost() -> None:
    refused = replace(said(1, "aside"), accepted_ms=None)
    assert judged([refused, said(2)], [shown(2)], e2=["да"]).lost == 1
