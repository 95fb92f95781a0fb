"""The table of VK's errors, and the page made from it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from engine.vk import table
from engine.vk.table import Action, meaning

PAGE = Path(__file__).resolve().parents[3] / "docs" / "vk-errors.md"


def test_the_page_is_made_from_the_table() -> None:
    assert PAGE.read_text() == table.page() + "\n", "run: python -m engine.vk.table > docs/vk-errors.md"


def test_each_code_has_one_row() -> None:
    counts = Counter(code for codes, _row in table._rows() for code in codes)
    assert [code for code, count in counts.items() if count > 1] == []


def test_a_code_that_nobody_has_seen_is_permanent_and_shown() -> None:
    assert (meaning(123456).action, meaning(123456).alerts) == (Action.FAIL, True)


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("Group authorization failed: method is unavailable with group auth.", Action.FAIL),
        ("Group authorization failed: invalid access_token (4).", Action.STOP_BOT),
        ("", Action.STOP_BOT),
    ],
)
def test_error_27_is_read_by_its_text(text: str, action: Action) -> None:
    assert meaning(27, text).action is action


def test_what_is_left_out_is_named_where_something_is() -> None:
    for row in table.TABLE.values():
        assert bool(row.leaves_out) == (row.action is Action.PLAIN)
        assert (row.action in (Action.SLOW_DOWN, Action.PAUSE_METHOD)) == (row.most_s > 0)
