"""An answer that is taken can be said, exported and imported; one that is refused says why."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.answers import PLACEHOLDERS, render
from engine.commands.errors import BadCommand
from server.answer_lines import ANSWER_MAX, AnswerLine, format_answer, parse_answer
from server.answer_text import checked_answer

NAMES = dict.fromkeys(PLACEHOLDERS, "Аня")


@pytest.mark.parametrize(
    "text",
    ["Да, можно", "{user_name}, привет", "{bot_name}", "[club1|@all] <b>'; DROP TABLE answers; --", "две\nстроки\t!",
     "?!", "😀", '{"text": "Да"}', '{"variants": ["Да", {"text": "Нет", "weight": 0.5}]}', "а" * 10_000],
)  # fmt: skip
def test_good_answer_is_taken_and_said(text: str) -> None:
    tx = checked_answer(f"  {text}\n")
    assert tx == text and render(tx, NAMES, random.Random(1))


@pytest.mark.parametrize(
    ("text", "why"),
    [("", "nothing visible"), (" \n ", "nothing visible"), ("\u200b\u00ad", "nothing visible"), ("а\x00б", "control"),
     ("а\ud800б", "UTF-8"), ("я" * (ANSWER_MAX + 1), "must be 1 to"), ("{name}, да", "begin with one of {user_name}"),
     ('{"text": 7}', "needs “text”"), ("{}", "needs “text”"), ('{"text": " "}', "nothing visible"),
     ('{"variants": []}', "must be a list"), ('{"variants": "Да"}', "must be a list"),
     ('{"variants": [7]}', "each variant"),
     ('{"variants": ["Да", ""]}', "nothing visible"), ('{"variants": [{"text": "Да", "weight": 0}]}', "weight = 0"),
     ('{"variants": [{"text": "Да", "weight": true}]}', "weight"),
     ('{"variants": [{"text": "Да", "weight": 1e300}]}', "at most")],
)  # fmt: skip
def test_bad_answer_is_refused_and_says_why(text: str, why: str) -> None:
    with pytest.raises(BadCommand, match=why):
        checked_answer(text)


@given(st.text(max_size=200) | st.text(alphabet='{}"text:variants[], 1', max_size=80))
def test_any_text_is_refused_or_can_be_said_exported_and_imported(text: str) -> None:
    try:
        tx = checked_answer(text)
    except BadCommand as error:
        assert str(error).encode()
        return
    assert isinstance(render(tx, NAMES, random.Random(1)), str)
    assert parse_answer(format_answer(AnswerLine("a", tx), "tsv"), "tsv") == AnswerLine("a", tx)
