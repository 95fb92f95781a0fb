"""The upper line of a log pane: what it says, and who gives way where room is short."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.style import Style

from db.texts import use_language
from salo_tui.widgets.log_frame import NARROW, Status, first_changed, status_of, top_line
from salo_tui.widgets.ring import Level, Ring, Sieve, Words

TITLE = "anna_shop ● runs · 4.1/s · waiting 3"


def upper(title: str, status: Status, width: int) -> str:
    return "".join(segment.text for segment in top_line(title, status, width, lambda _part: Style()))


def ring(**sieve: object) -> Ring:
    made = Ring()
    made.set_sieve(Sieve(level=Level.INFO, **sieve))  # type: ignore[arg-type]
    return made


@pytest.mark.parametrize(("language", "rate", "word"), [("en", "12/s", "FOLLOW"), ("ru", "12/с", "СЛЕДИТ")])
def test_small_pane_that_follows_says_its_rate_alone(language: str, rate: str, word: str) -> None:
    with use_language(language):
        assert status_of(ring(), 12, None, NARROW - 1) == Status(rate, True)
        assert status_of(ring(), 0, None, NARROW - 1) == Status("", True)
        assert status_of(ring(), 12, None, NARROW) == Status(f"{word} {rate} · lvl≥I")


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (59, f"┌─ {TITLE} ────────────── 12/s ─┐"),
        (48, f"┌─ {TITLE} ─── 12/s ─┐"),
        (43, f"┌─ {TITLE} ─┐"),
        (42, f"┌─ {TITLE} ─┐"),
        (30, "┌─ anna_shop ● runs · 4.1/s…─┐"),
    ],
)
def test_title_of_a_small_pane_comes_first(width: int, shown: str) -> None:
    line = upper(TITLE, status_of(ring(), 12, None, width), width)
    assert cell_len(line) == width and line.replace("─", "") == shown.replace("─", "")


def test_what_the_operator_asked_for_is_said_in_a_small_pane() -> None:
    with use_language("en"):
        assert status_of(ring(words=Words.parse("err")), 0, None, 40).text == "only: err"
        assert upper("anna", status_of(ring(), 3, 17, 38), 38) == "┌─ anna ─────── AT REST +17 · lvl≥I ─┐"


@given(
    st.text(alphabet="ab日ё ", max_size=70),
    st.builds(Status, st.text(alphabet="xy日 ", max_size=50), st.booleans()),
    st.builds(Status, st.text(alphabet="xy日 ", max_size=50), st.booleans()),
    st.integers(4, 90),
)
def test_left_of_the_first_change_nothing_differs(title: str, old: Status, new: Status, width: int) -> None:
    before, now = upper(title, old, width), upper(title, new, width)
    assert cell_len(before) == cell_len(now) == width
    start = first_changed(title, old, new, width)
    assert _cells(before)[:start] == _cells(now)[:start]


def _cells(text: str) -> list[str]:
    return [sign for sign in text for _cell in range(cell_len(sign))]
