"""Folded lines: nothing is lost, no row is too wide."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from salo_tui.widgets.wrap import folds

_TEXT = st.text(alphabet=st.sampled_from("ab  ё日👍e\u0301"), max_size=60)


def rows(text: str, first: int, rest: int) -> list[str]:
    return [text[start:end] for start, end in folds(text, first, rest)]


@given(_TEXT, st.integers(2, 20), st.integers(2, 20))
def test_rows_hold_the_whole_text_and_fit(text: str, first: int, rest: int) -> None:
    shown = rows(text, first, rest)
    assert "".join(shown) == text and (all(shown) or not text)
    assert [cell_len(row) for row in shown[:1]] <= [first] and all(cell_len(row) <= rest for row in shown[1:])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", [""]),
        ("one two three", ["one two ", "three"]),
        ("one twothree", ["one twoth", "ree"]),
        ("日本語日本語", ["日本語日", "本語"]),
        ("e\u0301" * 10, ["e\u0301" * 9, "e\u0301"]),
    ],
)
def test_row_ends_after_a_blank_near_its_edge(text: str, shown: list[str]) -> None:
    assert rows(text, 9, 9) == shown


@given(_TEXT, st.integers(-3, 1))
def test_no_width_is_too_small(text: str, width: int) -> None:
    assert "".join(rows(text, width, width)) == text
