"""The ring of log lines and who reads in it."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salo_tui.widgets.reader import Reader, Seen
from salo_tui.widgets.ring import LINES_MAX, Level, LogLine, Record, Ring, Sieve, Words
from salo_tui.widgets.wrap import Fold, folds


def line(text: str, level: Level = Level.INFO, source: str = "anna") -> LogLine:
    return LogLine(0, level, text, source)


def filled(count: int, lines_max: int = 100) -> Ring:
    ring = Ring(lines_max)
    ring.extend(line(f"line {number}") for number in range(count))
    return ring


def texts(reader: Reader) -> list[str]:
    return [seen.record.text for seen in reader.visible()]


def numbered(first: int, count: int) -> list[str]:
    return [f"line {number}" for number in range(first, first + count)]


WORDS = st.sampled_from(["", "err", "ERR|queue", "мир"])
STEPS = st.one_of(
    st.tuples(st.just("add"), st.sampled_from(["an error", "queue", "Мир", "fine"])),
    st.tuples(st.just("wanted"), WORDS),
    st.tuples(st.just("words"), WORDS),
    st.tuples(st.just("level"), st.sampled_from(list(Level))),
    st.tuples(st.just("inverted"), st.booleans()),
)


@given(st.lists(STEPS, max_size=60))
def test_what_is_shown_and_found_is_what_a_full_search_finds(steps: list[tuple[str, object]]) -> None:
    ring = Ring(3)
    for number, (kind, value) in enumerate(steps):
        if kind == "add":
            ring.append(line(str(value), list(Level)[number % 6]))
        elif kind == "wanted":
            ring.set_wanted(Words.parse(str(value)))
        else:
            new = Words.parse(str(value)) if kind == "words" else value
            now = ring.sieve
            parts = {"level": now.level, "words": now.words, "inverted": now.inverted, kind: new}
            ring.set_sieve(Sieve(**parts))  # type: ignore[arg-type]
        shown = [record for record in ring.records if ring.sieve.passes(record)]
        assert len(ring.records) <= 3 and list(ring.shown) == shown
        assert ring.hits == sum(ring.wanted is not None and ring.wanted.found_in(record) for record in shown)


def test_last_lines_are_kept_and_numbered_on() -> None:
    ring = filled(12_345, LINES_MAX)
    assert [record.number for record in ring.records] == list(range(7345, 12_345))
    assert texts(Reader(ring, 2)) == ["line 12343", "line 12344"]


def test_notice_passes_every_sieve() -> None:
    ring = filled(3)
    ring.append(line("312 lines dropped", Level.NOTICE))
    ring.set_sieve(Sieve(Level.ERROR, Words.parse("nothing"), sources=frozenset(["other"])))
    assert [record.text for record in ring.shown] == ["312 lines dropped"]


def test_words_are_no_pattern() -> None:
    ring = filled(0)
    ring.extend([line("a.b"), line("axb"), line("(a+)+$"), line("ПРИВЕТ")])
    for text, count in (("a.b", 1), ("(a+)+$", 1), ("привет|axb", 2), ("||", 0), (" ", 0)):
        ring.set_wanted(Words.parse(text))
        assert ring.hits == count, text


def test_reader_follows_until_it_goes_up() -> None:
    ring = filled(50)
    reader = Reader(ring, 5)
    assert texts(reader) == numbered(45, 5)
    reader.move(3)
    assert reader.follows, "there is nothing below the end"
    reader.move(-2)
    ring.append(line("line 50"))
    assert texts(reader) == numbered(43, 5) and reader.newer == 1
    reader.follow()
    assert texts(reader) == numbered(46, 5)


def test_flood_sweeps_nothing_away_from_who_rests() -> None:
    ring = filled(50)
    reader = Reader(ring, 5)
    reader.move(-10)
    ring.extend(line(f"line {number}") for number in range(50, 10_000))
    assert texts(reader) == numbered(35, 5)
    reader.move(-5)
    assert texts(reader) == numbered(30, 5)
    reader.move(1000)
    assert texts(reader) == numbered(9995, 5), "the way down leads to what came meanwhile"
    reader.to_start()
    assert texts(reader) == ["9850 lines went by meanwhile", *numbered(9900, 4)]


def test_way_down_joins_what_came_without_a_gap() -> None:
    ring = filled(50)
    reader = Reader(ring, 5)
    reader.move(-1)
    ring.extend(line(f"line {number}") for number in range(50, 60))
    reader.move(2)
    assert texts(reader) == numbered(46, 5)


def test_who_rests_in_an_empty_log_finds_what_comes() -> None:
    ring = filled(0)
    reader = Reader(ring, 5)
    reader.rest()
    ring.extend([line("line 0"), line("line 1")])
    assert texts(reader) == []
    reader.move(1)
    assert texts(reader) == numbered(0, 2)


def test_filter_keeps_the_place() -> None:
    ring = filled(100)
    reader = Reader(ring, 3)
    reader.move(-47)  # line 50 is the upper one
    assert texts(reader)[0] == "line 50"
    ring.set_sieve(Sieve(words=Words.parse("5")))
    reader.sieve_again()
    assert texts(reader) == numbered(50, 3)
    ring.set_sieve(Sieve())
    reader.sieve_again()
    assert texts(reader) == numbered(50, 3)


def test_jumps_go_round_and_show_the_hit() -> None:
    ring = filled(100)
    reader = Reader(ring, 10)
    words = Words.parse("line 20|line 80")
    assert words is not None
    places = []
    for step in (-1, -1, -1, 1, 1):
        assert reader.jump(words, step)
        places.append(reader.hit)
        assert f"line {reader.hit}" in texts(reader)
    assert places == [80, 20, 80, 20, 80]
    nothing = Words.parse("nowhere")
    assert nothing is not None and not reader.jump(nothing, 1)


def folded(record: Record) -> list[Fold]:
    """Fold a line so that 7 of 10 lines take more than one row, the longest more than a window."""
    return folds("x" * (record.number % 10 * 8), 10, 10)


MOVES = st.one_of(
    st.tuples(st.just("add"), st.integers(1, 30)),
    st.tuples(st.just("move"), st.integers(-12, 12)),
    st.tuples(st.just("resize"), st.integers(1, 9)),
    st.tuples(st.just("jump"), st.sampled_from([-1, 1])),
    st.tuples(st.sampled_from(["follow", "rest", "to_start", "sieve"]), st.just(0)),
)


@given(st.lists(MOVES, max_size=40))
def test_window_on_folded_lines_is_full_and_without_a_gap(moves: list[tuple[str, int]]) -> None:
    ring = filled(8, 20)
    reader = Reader(ring, 5, folded)
    for kind, value in moves:
        if kind == "add":
            ring.extend(line(f"line {number}") for number in range(ring.total, ring.total + value))
        elif kind == "sieve":
            ring.set_sieve(Sieve(words=Words.parse("1|2|3") if ring.sieve.words is None else None))
            reader.sieve_again()
        elif kind == "jump":
            reader.jump(Words("7", ("7",)), value)
        elif kind in ("move", "resize"):
            getattr(reader, kind)(value)
        else:
            getattr(reader, kind)()
        kept = list(ring.shown) if reader.follows else reader._rows
        rows = [Seen(record, part) for record in kept for part in range(len(folded(record)))]
        window = reader.visible()
        first = rows.index(window[0]) if window else 0
        assert window == rows[first : first + reader.height]
        assert len(window) == min(reader.height, len(rows))
        assert not reader.follows or window == rows[-reader.height :]


def test_way_through_folded_lines_goes_row_by_row() -> None:
    ring = filled(10)
    reader = Reader(ring, 4, folded)
    seen = []
    for _step in range(100):
        reader.move(-1)
        seen.append(reader.visible()[0])
    rows = [Seen(record, part) for record in ring.records for part in range(len(folded(record)))]
    assert list(dict.fromkeys(reversed(seen))) == rows[: len(rows) - 4]
    reader.move(1)
    assert reader.visible()[0] == rows[1]


def test_jump_shows_the_row_that_holds_the_hit() -> None:
    ring = filled(0)
    ring.extend([line("line"), line("x" * 97 + " needle"), *[line("after")] * 20])
    reader = Reader(ring, 4, lambda record: folds(record.text, 10, 10))
    words = Words("needle", ("needle",))
    assert reader.jump(words, -1)
    shown = [record.text[slice(*reader.folds(record)[part])] for record, part in reader.visible()]
    assert any("needle" in text for text in shown)
    before = reader.visible()
    assert reader.jump(words, -1) and reader.visible() == before, "what is in the window stays where it is"


@pytest.mark.parametrize("step", [-1, 1])
@pytest.mark.parametrize("away", [0, 40])
def test_first_jump_goes_to_the_newest_hit(step: int, away: int) -> None:
    ring = filled(50)
    reader = Reader(ring, 5)
    reader.move(-away)
    ring.extend(line(text) for text in ("line 4", "line 50", "no hit"))
    words = Words.parse("line 4")
    assert words is not None and reader.jump(words, step) and reader.hit == 50
    assert reader.jump(words, step) and reader.hit == (4 if step > 0 else 49)


@pytest.mark.parametrize("sieve", [Sieve(), Sieve(words=Words.parse("anna|bingo"), level=Level.INFO)])
def test_adding_costs_microseconds_however_many_are_kept(sieve: Sieve) -> None:
    ring = Ring(LINES_MAX)
    ring.set_sieve(sieve)
    ring.set_wanted(Words.parse("привет"))
    lines = [line("peer 2000000017 answered anna «привет, как дела?» in 31 ms")] * LINES_MAX
    ring.extend(lines)
    costs = []
    for _turn in range(5):
        began = time.process_time()
        ring.extend(lines)
        costs.append((time.process_time() - began) / LINES_MAX)
    assert min(costs) < 20e-6, f"{min(costs) * 1e6:.1f} µs a line"
