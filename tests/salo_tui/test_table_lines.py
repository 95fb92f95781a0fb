"""What a table draws and what a change makes dirty, as values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from salo_tui.widgets.fit import fit
from salo_tui.widgets.rows import KEPT_MAX, PAGE_ROWS, Cell, Row, Rows
from salo_tui.widgets.table_lines import EMPTY, Column, Drawing, Line, Span, dirty, draw, header, search_pattern, widths

COLUMNS = (Column("NAME", 6), Column("N", 3, "right"), Column("TEXT", 4, fill=True))
_TEXT = st.text(alphabet=st.characters() | st.sampled_from("日本ёй̆👍🏽👨‍\ufe0f\x1b\u202e ab"), max_size=20)


def drawn(cells: tuple[Cell | str, ...], search: str = "", *, at_cursor: bool = False, marked: bool = False) -> Line:
    drawing = Drawing(COLUMNS, widths(COLUMNS, 30), search_pattern(search))
    return draw(Row("x", cells), drawing, at_cursor=at_cursor, marked=marked)


def text(line: Line) -> str:
    return "|".join("".join(piece.text for piece in cell) for cell in line.cells)


@given(_TEXT, st.integers(0, 15), st.sampled_from(["left", "right"]))
def test_any_text_fits_exactly(said: str, width: int, align: str) -> None:
    assert cell_len(fit(said, width, align)) == width  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("said", "width", "shown"),
    [
        ("ёжик", 6, "ёжик  "),
        ("привет", 4, "при…"),
        ("日本語", 6, "日本語"),
        ("日本語", 5, "日本…"),
        ("日本語", 4, "日… "),
    ],
)
def test_text_is_cut_between_characters(said: str, width: int, shown: str) -> None:
    assert fit(said, width) == shown


def test_number_stands_at_the_right() -> None:
    assert fit("7", 3, "right") == "  7"


@given(st.integers(0, 60))
def test_columns_never_take_more_than_there_is(width: int) -> None:
    given_widths = widths(COLUMNS, width)
    line = header(COLUMNS, given_widths)
    shown = [sum(cell_len(piece.text) for piece in cell) for cell in line.cells]
    assert shown[1:] == list(given_widths)
    assert 2 + sum(given_widths) + sum(1 for given_width in given_widths[1:] if given_width) <= max(width, 2)


def test_filling_column_takes_the_rest() -> None:
    assert widths(COLUMNS, 30) == (6, 3, 17)


def test_row_says_where_the_cursor_is_and_what_is_marked() -> None:
    assert text(drawn(("anna", "7", "hi"))).startswith("  |anna  |  7|hi")
    assert text(drawn(("anna",), at_cursor=True)).startswith("▸ |")
    assert text(drawn(("anna",), marked=True)).startswith("* |")
    assert text(drawn(("anna",), at_cursor=True, marked=True)).startswith("▸*|")


def test_found_text_is_a_piece_of_its_own_in_any_case() -> None:
    cell = drawn((Cell("Роза 5", "good"),), "роза").cells[1]
    assert [(piece.text, piece.tone) for piece in cell] == [("Роза", "found"), (" 5", "good")]


def test_row_that_is_not_there_yet_shows_so() -> None:
    line = draw(None, Drawing(COLUMNS, widths(COLUMNS, 30), None), at_cursor=False, marked=False)
    assert text(line).startswith("  |…")


@pytest.mark.parametrize(
    ("cells", "spans"),
    [
        (("anna", "8", "hi"), [Span(1, 11, 1)]),
        (("anna", "8", "ho"), [Span(1, 11, 4)]),  # to go there costs more than what lies between
        (("vera", "7", "hi"), [Span(1, 2, 3)]),
        (("vera", "7", "hallo"), [Span(1, 2, 3), Span(1, 14, 4)]),
        (("анна", "7", "hi"), [Span(1, 2, 6)]),
        ((Cell("anna", "bad"), "7", "hi"), [Span(1, 2, 6)]),
    ],
)
def test_of_a_line_only_what_changed_is_drawn_again(cells: tuple[Cell | str, ...], spans: list[Span]) -> None:
    old = [drawn(("anna", "7", "hi"))] * 5
    assert dirty(old, [old[0], drawn(cells), *old[2:]], widths(COLUMNS, 30), 30) == spans


def test_same_lines_are_not_drawn_again() -> None:
    lines = [drawn(("anna", "7", "hi"))] * 3
    assert dirty(lines, list(lines), widths(COLUMNS, 30), 30) == []


def test_cursor_that_moves_makes_two_lines_dirty() -> None:
    plain, cursor = drawn(("anna",)), drawn(("anna",), at_cursor=True)
    spans = dirty([cursor, plain, *[EMPTY] * 2], [plain, cursor, *[EMPTY] * 2], widths(COLUMNS, 30), 30)
    assert spans == [Span(0, 0, 30), Span(1, 0, 30)]


def test_more_than_half_of_the_lines_is_the_whole_table() -> None:
    old, new = drawn(("a",)), drawn(("a",), marked=True)
    assert dirty([old] * 4, [new, new, old, old], widths(COLUMNS, 30), 30) == [Span(0, 0, 30), Span(1, 0, 30)]
    assert dirty([old] * 4, [new, new, new, old], widths(COLUMNS, 30), 30) is None
    assert dirty([old] * 4, [old] * 5, widths(COLUMNS, 30), 30) is None


@given(st.data())
def test_what_is_not_dirty_is_the_same(data: st.DataObject) -> None:
    cells = st.tuples(st.sampled_from("ab"), st.sampled_from("12"), st.sampled_from("xy"))
    old = [drawn(data.draw(cells)) for _ in range(5)]
    new = [drawn(data.draw(cells)) for _ in range(5)]
    spans = dirty(old, new, widths(COLUMNS, 30), 30)
    for y in range(5) if spans is not None else ():
        covered = {x for span in spans or () if span.y == y for x in range(span.x, span.x + span.width)}
        before, after = (text(lines[y]).replace("|", "", 1).replace("|", " ") for lines in (old, new))
        assert all(x in covered for x, (a, b) in enumerate(zip(before, after, strict=True)) if a != b)


def rows(*ids: str) -> list[Row]:
    return [Row(row_id, (row_id,)) for row_id in ids]


def test_rows_are_found_by_place_and_id_after_each_change() -> None:
    book = Rows()
    book.replace(rows("a", "b", "c"))
    assert book.place_of("b") == 1 and book.change(Row("b", ("B",))) and not book.change(Row("d", ()))
    assert book.at(1) == Row("b", ("B",)) and len(book) == 3
    book.replace(rows("b"))
    assert book.place_of("a") is None and book.place_of("b") == 0 and book.at(1) is None


def test_pages_are_missed_until_they_are_put() -> None:
    book = Rows()
    book.resize(250)
    assert book.missing(90, 20) == [0, 100] and book.missing(240, 100) == [200]
    book.put(100, rows(*map(str, range(100, 200))), 0)
    assert book.missing(90, 20) == [0] and book.place_of("150") == 150
    book.resize(120)
    assert book.place_of("150") is None and book.at(119) == Row("119", ("119",))


def test_row_that_moved_to_another_page_is_at_one_place() -> None:
    book = Rows()
    book.resize(200)
    book.put(0, rows("a", "b"), 0)
    book.put(100, rows("b", "c"), 0)
    assert book.place_of("b") == 100 and book.at(1) is None


def test_pages_far_away_are_forgotten() -> None:
    book = Rows()
    book.resize(100_000)
    for first in range(0, 2 * KEPT_MAX, PAGE_ROWS):
        book.put(first, rows(*map(str, range(first, first + PAGE_ROWS))), first)
    assert len(book.places()) == KEPT_MAX and book.at(2 * KEPT_MAX - 1) is not None and book.at(0) is None
