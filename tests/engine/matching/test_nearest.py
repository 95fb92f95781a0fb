"""The nearest known phrases are found in order, with the score that answers are chosen by, in bounded time."""

from __future__ import annotations

import random
import time

from engine.matching.book import AnswerRow, PhraseBook
from engine.matching.match import find_closest
from engine.matching.nearest import nearest_phrases

KNOWN = ["как дела", "как твои дела", "какая погода", "где ты", "привет"]


def test_nearest_come_first_and_what_has_no_likeness_not_at_all() -> None:
    found = nearest_phrases("как делишки", KNOWN, 3)
    assert [phrase for phrase, _score in found][:2] == ["как дела", "как твои дела"] and len(found) <= 3
    assert nearest_phrases("xyz", KNOWN, 5) == [] and nearest_phrases("", KNOWN, 5) == []


def test_score_is_the_one_that_answers_are_chosen_by() -> None:
    book = PhraseBook([AnswerRow(1, "привет", "И тебе")])
    assert find_closest("превет", book, 7, 0.5) == nearest_phrases("превет", KNOWN, 1)[0]


def test_long_phrases_do_not_take_long() -> None:
    dice = random.Random(5)
    known = ["".join(dice.choices("абвгдежз ", k=300)) for _ in range(20_000)]
    started = time.monotonic()
    assert len(nearest_phrases("".join(dice.choices("абвгдежз ", k=4096)), known, 5)) == 5
    assert time.monotonic() - started < 3
