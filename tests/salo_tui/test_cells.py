"""What people write, made printable and cut by cells."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len, get_character_cell_size

from salo_tui.widgets.cells import LINE_MAX, printable, window

WIDE = st.sampled_from("日本🚚ab й\u0301\u200d\x1b")  # what is seldom among all signs there are
ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=[]), max_size=60) | st.text(WIDE, max_size=60)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("привет, мир", "привет, мир"),
        ("[red]x[/] [@click=app.bell]y[/]", "[red]x[/] [@click=app.bell]y[/]"),
        ("\x1b[31mred\x07\x7f\r\n", "␛[31mred␇␡␍␊"),
        ("a\tb", "a    b"),
        ("\x9b31m", "‹9b›31m"),
        ("left \u202eright\u202c", "left ‹202e›right‹202c›"),
        ("zero\u200bwidth\ufeff", "zero‹200b›width‹feff›"),
        ("half \ud83d of a sign", "half \ufffd of a sign"),
        ("👨\u200d👩\u200d👧 ❤\ufe0f 👍\U0001f3fd", "👨👩👧 ❤ 👍"),
        ("й" + "\u0301" * 9, "й" + "\u0301" * 4),
    ],
)
def test_text_is_shown_literally(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_long_text_is_cut_and_says_so() -> None:
    assert printable("я" * (LINE_MAX + 10)) == "я" * LINE_MAX + "… +10"


@given(ANY_TEXT)
def test_nothing_printable_moves_the_cursor_or_breaks_the_encoding(text: str) -> None:
    shown = printable(text)
    shown.encode()
    assert not {unicodedata.category(sign) for sign in shown} & {"Cc", "Cs", "Zl", "Zp"}
    assert printable(shown) == shown, "made printable twice it is the same"
    assert cell_len(shown) == sum(map(get_character_cell_size, shown)), "the width is that of the single signs"


@given(ANY_TEXT, st.integers(0, 80), st.integers(0, 40))
def test_window_is_filled_to_the_cell(text: str, start: int, width: int) -> None:
    shown = printable(text)
    first, last, before, after = window(shown, start, width)
    assert before >= 0 and after >= 0 and before + cell_len(shown[first:last]) + after == width


@given(ANY_TEXT, st.integers(1, 7))
def test_windows_side_by_side_show_all_but_what_they_cut(text: str, width: int) -> None:
    shown = printable(text)
    pieces = [window(shown, start, width) for start in range(0, cell_len(shown) + 1, width)]
    seen = "".join(shown[piece.first : piece.last] for piece in pieces)
    wide_at_edges = sum(piece.after for piece in pieces[:-1])
    assert cell_len(shown) - cell_len(seen) in range(2 * wide_at_edges + 1)
