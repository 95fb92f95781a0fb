"""Journal rows: what is told of a handled event, and what of one that nobody answers."""

from __future__ import annotations

from typing import Any

from server.dispatcher.rows import journal_rows
from tests.db.lanes import message
from tests.server.lanes import make_bot

BOT, _CONFIG = make_bot()


def verdict(outcome: str, **more: Any) -> dict[str, Any]:
    return {"verdict": outcome, "reply": None, "match": None, "person": None, **more}


def test_an_answer_is_history_with_its_match() -> None:
    match = {"rx": "привет", "phrase": "привет", "answer_id": 5, "score": 0.9}
    reply = {"peer_id": 7, "parts": [{"text": "здравствуй,", "random_id": 1}, {"text": "человек", "random_id": 2}]}
    (row,) = journal_rows(BOT, message(text="[club1|аня], привет"), verdict("done", match=match, reply=reply), 99)
    assert row == {
        "op": "history",
        "event_id": "e1",
        "bot_id": 1,
        "peer_id": 7,
        "account_id": "7",
        "network": "vk",
        "rx": "привет",
        "tx": "здравствуй,\nчеловек",
        "answer_id": 5,
        "score": 0.9,
        "time": 99,
    }


def test_an_unsolved_phrase_is_history_and_unsolved() -> None:
    rows = journal_rows(BOT, message(text="ы"), verdict("unsolved", match={"rx": "ы"}), 99)
    assert [row["op"] for row in rows] == ["history", "unsolved"]
    assert rows[1] == {"op": "unsolved", "rx": "ы", "bot_id": 1, "time": 99}


def test_a_person_met_for_the_first_time_is_told_before_the_history() -> None:
    rows = journal_rows(BOT, message(), verdict("done", person={"fi_name": "Аня", "la_name": "Я"}), 99)
    assert [row["op"] for row in rows] == ["person", "history"]
    expected = {"op": "person", "account_id": "7", "network": "vk", "fi_name": "Аня", "la_name": "Я", "time": 99}
    assert rows[0] == expected


def test_what_was_not_for_us_has_no_history() -> None:
    (row,) = journal_rows(BOT, message(), verdict("ignored", reason="not addressed"), 99)
    assert (row["op"], row["reason"], row["peer_id"], row["event_id"]) == ("ignored", "not addressed", 7, "e1")


def test_events_without_a_phrase_and_odd_ones_have_no_history() -> None:
    for event in ({}, {"object": None}, {"type": "group_join", "object": {"user_id": 7}}, {"object": {"message": []}}):
        assert journal_rows(BOT, event, verdict("done"), 99) == []
    odd = message()
    odd["object"]["message"]["from_id"] = -5
    assert journal_rows(BOT, odd, verdict("done"), 99) == []
