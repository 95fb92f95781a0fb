"""A verdict is checked where it comes in: whatever an engine says, what reads it later meets the right types."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.bots import Bot
from server.dispatcher.rows import journal_rows
from server.dispatcher.telling import told_end
from server.dispatcher.verdicts import REASON_MAX, TRACE_MAX, BadVerdict, parse_verdict
from tests.db.lanes import message

VALUES = st.sampled_from([None, True, 5, -1.5, "x", [], {}, [5], [{}], [{"text": 5}], [{"text": "x"}], {"a": 1}])
NAMES = st.sampled_from(["peer_id", "parts", "rx", "phrase", "answer_id", "score", "fi_name", "la_name"])
ANYTHING = VALUES | st.dictionaries(NAMES, VALUES, max_size=4)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"verdict": "perhaps"}, "'perhaps'"),
        ({"slots_used": "1"}, "slots_used"),
        ({"slots_used": 1 << 63}, "slots_used"),
        ({"retry_after_s": True}, "retry_after_s"),
        ({"reply": []}, "reply must be"),
        ({"reply": {"parts": 5}}, r"reply\.parts"),
        ({"reply": {"parts": [{"text": 5}]}}, r"reply\.parts"),
        ({"match": {"answer_id": "5"}}, r"match\.answer_id"),
        ({"person": {"fi_name": 5}}, r"person\.fi_name"),
        ({"timings_ms": 5}, "timings_ms"),
    ],
)
def test_a_wrong_type_is_refused_by_its_name(wrong: dict[str, Any], named: str) -> None:
    with pytest.raises(BadVerdict, match=named):
        parse_verdict({"verdict": "done", **wrong})


def test_long_words_are_cut_where_they_say_least() -> None:
    verdict = parse_verdict({"verdict": "fail", "reason": "a" * 9999 + "z", "trace": "a" + "z" * 99_999})
    assert verdict.reason == "a" * REASON_MAX and verdict.trace == "z" * TRACE_MAX


@given(
    st.fixed_dictionaries(
        {"verdict": st.sampled_from(["done", "ignored", "unsolved"])},
        optional=dict.fromkeys(("reply", "match", "person", "reason"), ANYTHING),
    )
)
def test_what_is_taken_can_be_written_down(raw: dict[str, Any]) -> None:
    try:
        verdict = parse_verdict(raw)
    except BadVerdict:
        return
    bot, event = Bot("b", 1, 2, "main", 3, True, "", ""), message()
    for row in journal_rows(bot, event, verdict.raw, 1):
        assert all(isinstance(value, (str, int, float, type(None))) for value in row.values())
    told_end(event, verdict.raw)
