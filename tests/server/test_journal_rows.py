"""A journal row is taken whole or refused with a reason; rows of one batch are merged as counters want it."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.fields import from_ms
from server.journal.rows import BadRow, HistoryRow, UnsolvedRow, parse_row, raw_rows
from server.journal.tables import merged_people, merged_unsolved

NOW = 1_770_000_000_123


def history(**changes: Any) -> dict[str, Any]:
    row = {
        "op": "history", "event_id": "e1", "bot_id": 1, "peer_id": 2_000_000_001, "account_id": "5", "network": "vk",
        "rx": "привет", "tx": "и тебе", "answer_id": 3, "score": 1, "time": NOW,
    }  # fmt: skip
    return {**row, **changes}


def unsolved(**changes: Any) -> dict[str, Any]:
    return {"op": "unsolved", "rx": "Что?!", "bot_id": 1, "time": NOW, **changes}


def person(**changes: Any) -> dict[str, Any]:
    row = {"op": "person", "account_id": "5", "network": "vk", "fi_name": "Аня", "la_name": "Я", "time": NOW}
    return {**row, **changes}


def test_history_row_keeps_all_it_says() -> None:
    row = parse_row(history(tx=None, answer_id=None, score=None))
    assert isinstance(row, HistoryRow)
    assert (row.peer_id, row.rx, row.tx, row.score) == (2_000_000_001, "привет", None, None)
    assert row.time.isoformat() == "2026-02-02T02:40:00.123000"


def test_unsolved_row_is_normalised_and_an_invisible_one_is_kept_nowhere() -> None:
    row = parse_row(unsolved())
    assert isinstance(row, UnsolvedRow)
    assert row.rx == "Что?!" and row.rx_norm == "что" and len(row.rx_hash) == 32
    assert parse_row(unsolved(rx="\u200b")) is None
    assert parse_row({"op": "ignored", "reason": "stale"}) is None


@pytest.mark.parametrize(
    "raw",
    [
        None, [], "text", {}, {"op": "drop table"}, history(bot_id=None), history(bot_id=True), history(bot_id="1"),
        history(peer_id=2**63), history(time=10**18), history(time=None), history(network="telegraph"),
        history(account_id=5), history(rx=None), history(rx="ж" * 40_000), history(score="high"),
        history(score=float("inf")), person(fi_name=7),
    ],
)  # fmt: skip
def test_wrong_row_is_refused(raw: Any) -> None:
    with pytest.raises(BadRow):
        parse_row(raw)


@pytest.mark.parametrize("ops", [b"", b"{", b"{}", b"7", b'"text"'])
def test_entry_without_a_list_is_refused(ops: bytes) -> None:
    with pytest.raises(BadRow):
        raw_rows({b"ops": ops})


json = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=5)


@given(st.sampled_from(["history", "unsolved", "person"]), st.dictionaries(st.sampled_from(list(history())), json))
def test_any_row_is_taken_or_refused(op: str, changes: dict[str, Any]) -> None:
    whole = {"history": history, "unsolved": unsolved, "person": person}[op]()
    with contextlib.suppress(BadRow):
        parse_row({**whole, **changes, "op": op})


def test_phrase_said_often_is_one_row_with_its_count() -> None:
    rows = [unsolved(rx=rx, bot_id=bot, time=NOW + at) for at, (rx, bot) in
            enumerate([("Что", 1), ("что?", 1), ("что", 2), ("ЧТО", 1)])]  # fmt: skip
    merged = merged_unsolved(row for row in map(parse_row, rows) if isinstance(row, UnsolvedRow))
    assert {(row["rx"], row["bot_id"], row["times"]) for row in merged} == {("Что", 1, 3), ("что", 2, 1)}
    first = next(row for row in merged if row["bot_id"] == 1)
    assert (first["first_seen"], first["last_seen"]) == (from_ms(NOW), from_ms(NOW + 3))


def test_person_is_one_row_with_the_latest_names() -> None:
    rows = [person(fi_name="А"), history(time=NOW + 9), person(fi_name="", la_name="Б"), history(account_id="6")]
    merged = merged_people(row for row in map(parse_row, rows) if row is not None)
    assert [(row["account_id"], row["fi_name"], row["la_name"]) for row in merged] == [("5", "А", "Б"), ("6", "", "")]
    assert merged[0]["last_seen"] == from_ms(NOW + 9)
