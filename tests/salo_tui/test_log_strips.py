"""Which cells of a row of a log pane are sent: all that differ, and few others."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import get_character_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from salo_tui.widgets.log_strips import differing

WIDTH = 12
STYLES = (Style(color="red"), Style(color="blue"))
RUNS = st.lists(st.tuples(st.text("ab яй日🚚", max_size=5), st.sampled_from(STYLES)), max_size=4)


def row(*runs: tuple[str, Style]) -> Strip:
    """Return a row of a pane: filled up with blanks, and neighbours of one style are one segment."""
    strip = Strip([Segment(text, style) for text, style in runs]).adjust_cell_length(WIDTH, STYLES[0])
    return Strip(Segment.simplify(strip), WIDTH)


def cells(strip: Strip) -> list[tuple[str, Style | None]]:
    return [(sign, style) for text, style, _control in strip for sign in text
            for _cell in range(get_character_cell_size(sign))]  # fmt: skip


@given(RUNS, RUNS)
def test_outside_the_span_both_rows_are_the_same(before: list[tuple[str, Style]], now: list[tuple[str, Style]]) -> None:
    old, new = row(*before), row(*now)
    first, last = differing(old, new)
    assert 0 <= first <= last <= WIDTH
    assert cells(old)[:first] == cells(new)[:first] and cells(old)[last:] == cells(new)[last:]


def test_what_begins_and_ends_alike_is_left_out() -> None:
    dim, plain = STYLES
    old, new = row(("12:01 I ", dim), ("a", plain)), row(("12:03 I ", dim), ("bc", plain))
    assert differing(old, new) == (4, 10)
    assert differing(new, new) == (WIDTH, WIDTH)
    assert differing(row(), row()) == (WIDTH, WIDTH)
