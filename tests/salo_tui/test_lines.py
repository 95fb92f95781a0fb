"""Bars and sheets: what is cut, and what a change sends."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from salo_tui.widgets.lines import cells_of, changed, cut, spread
from salo_tui.widgets.table_lines import Piece

PIECES = st.lists(st.builds(Piece, st.text("aбя日🚀 ", max_size=12), st.sampled_from(["", "good", "bad"]))).map(tuple)


def test_what_stands_right_wins_over_what_stands_left() -> None:
    line = spread((Piece("Salo-G2 ▸ Боты"),), (Piece("неотвечено 37", "accent"),), 24)
    assert "".join(piece.text for piece in line) == "Salo-G2 …  неотвечено 37"


@given(PIECES, PIECES, st.integers(1, 60))
def test_a_spread_line_has_exactly_the_width_that_was_asked_for(left: object, right: object, width: int) -> None:
    assert cells_of(spread(left, right, width)) == width  # type: ignore[arg-type]


@given(PIECES, st.integers(0, 40))
def test_a_cut_line_is_never_wider_than_its_room(pieces: tuple[Piece, ...], width: int) -> None:
    assert cells_of(cut(pieces, width)) <= width


def test_one_changed_digit_dirties_its_own_cell() -> None:
    before, now = (Piece("бот "), Piece("12", "good")), (Piece("бот "), Piece("13", "good"))
    assert changed(before, now) == (5, 6)
    assert changed(before, before) is None


@given(PIECES, PIECES)
def test_every_cell_that_differs_lies_within_what_is_sent(before: tuple[Piece, ...], now: tuple[Piece, ...]) -> None:
    span = changed(before, now)
    old, new = _cells(before), _cells(now)
    width = max(len(old), len(new))
    old, new = old + [("", "")] * (width - len(old)), new + [("", "")] * (width - len(new))
    differing = [at for at in range(width) if old[at] != new[at]]
    assert not differing or (span is not None and span[0] <= differing[0] and differing[-1] < span[1])


def _cells(line: tuple[Piece, ...]) -> list[tuple[str, str]]:
    """Return each cell's sign and tone; the second cell of a wide sign repeats it."""
    return [(sign, tone) for text, tone in line for sign in text for _cell in range(cell_len(sign))]
