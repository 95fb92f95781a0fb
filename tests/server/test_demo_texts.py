"""The phrases that ship and what the demo's people say: clean files, and people say what their kind promises."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from db.settings import MatchingSettings
from engine.matching.book import AnswerRow
from engine.matching.build import build_arrays
from engine.matching.layers import LayeredIndex
from engine.matching.normalise import normalise
from engine.matching.readings import readings
from engine.matching.search import find_nearest
from engine.matching.segment import Segment
from server.demo.cast import ROLES
from server.demo.chatter import KINDS, LINES, RIDDLE_EVERY, Chatter, read_lines

PHRASES = LINES.parent / "phrases_ru.tsv"
TEXT_MAX = 4096  # letters of one VK message
LINK_OR_MENTION = re.compile(r"https?:|www\.|\b\w+\.(com|ru|net|org|me)\b|[@#\[\]{}|]")


def _rows(file: Path) -> list[list[str]]:
    return [line.split("\t") for line in file.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def book() -> LayeredIndex:
    rows = enumerate(_rows(PHRASES), 1)
    known = (AnswerRow(number, normalise(rx), tx, int(weight)) for number, (rx, tx, weight) in rows)
    return LayeredIndex(Segment(build_arrays(known)))


def _answered(text: str, book: LayeredIndex) -> bool:
    nearest = find_nearest(readings(text), book, 1, 1)
    return bool(nearest) and nearest[0].score >= MatchingSettings().threshold


def test_base_is_large_enough_to_talk(book: LayeredIndex) -> None:
    phrases = {normalise(rx) for rx, _, _ in _rows(PHRASES)}
    assert len(phrases) >= 500
    assert "" not in phrases
    several = [phrase for phrase in phrases if len(book.answers_to(phrase, bot_id=1)) > 1]
    assert len(several) >= 300


def test_each_row_is_a_phrase_an_answer_and_a_weight() -> None:
    for row in _rows(PHRASES):
        rx, tx, weight = row
        assert rx == rx.strip() and tx == tx.strip(), row
        assert 0 < len(rx) <= TEXT_MAX and 0 < len(tx) <= TEXT_MAX, row
        assert 1 <= int(weight) <= 10, row
        assert not LINK_OR_MENTION.search(f"{rx} {tx}"), row


def test_no_answer_stands_twice_under_one_phrase() -> None:
    pairs = [(normalise(rx), normalise(tx)) for rx, tx, _ in _rows(PHRASES)]
    assert len(pairs) == len(set(pairs))


def test_people_have_enough_to_say_of_each_kind() -> None:
    lines = read_lines()
    assert len(lines) >= 150
    assert len(set(lines)) == len(lines)
    assert {line.kind for line in lines} == set(KINDS)
    for line in lines:
        assert 0 < len(line.text) <= TEXT_MAX
        assert not LINK_OR_MENTION.search(line.text), line
        assert line.text.startswith("/") == (line.kind == "command"), line


def test_known_lines_are_phrases_of_the_base(book: LayeredIndex) -> None:
    unknown = [line for line in read_lines() if line.kind == "known" and not book.answers_to(normalise(line.text), 1)]
    assert unknown == []


def test_lines_with_typos_are_no_phrases_and_nearly_all_are_understood(book: LayeredIndex) -> None:
    """A few say it in other words, as people do."""
    typos = [line for line in read_lines() if line.kind == "typo"]
    assert [line for line in typos if book.answers_to(normalise(line.text), 1)] == []
    assert sum(_answered(line.text, book) for line in typos) >= 0.9 * len(typos)


def test_unknown_lines_find_no_answer(book: LayeredIndex) -> None:
    assert [line for line in read_lines() if line.kind == "unknown" and _answered(line.text, book)] == []


def test_who_watches_sees_each_bot_greeted_and_riddles_at_a_steady_beat() -> None:
    chatter = Chatter(read_lines(), random.Random(1), unknown_max=4)
    spoken = [chatter.next() for _ in range(400)]
    opening = [(speech.role, speech.kind) for speech in spoken[: len(ROLES) + 1]]
    assert opening == [*((role, "known") for role in ROLES), (ROLES[0], "unknown")]
    riddles = [(speech.text, speech.role) for speech in spoken[len(ROLES) :: RIDDLE_EVERY]]
    assert len(set(riddles)) == 4 == len({text for text, _ in riddles})
    assert riddles[:4] == riddles[4:8], "each comes back soon"
    assert sum(speech.kind == "unknown" for speech in spoken) == len(riddles)
