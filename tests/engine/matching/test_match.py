"""Which answer a phrase gets, and which phrases get none."""

from __future__ import annotations

import random

import pytest

from engine.matching.book import AnswerRow
from engine.matching.build import build_arrays
from engine.matching.layers import LayeredIndex
from engine.matching.match import Found, Thresholds, find_answer
from engine.matching.segment import Segment

PHRASES = ["привет", "как дела", "я люблю котов", "что ты делаешь сегодня вечером", "сколько будет 2 2", "кто ты", "да"]
THRESHOLDS = Thresholds(0.86, 0.3)


def book(*rows: AnswerRow) -> LayeredIndex:
    known = rows or [AnswerRow(at + 1, phrase, f"ответ {at + 1}") for at, phrase in enumerate(PHRASES)]
    return LayeredIndex(Segment(build_arrays(known)))


def found(text: str, phrases: LayeredIndex | None = None, bot_id: int = 7, seed: object = 1) -> Found | None:
    return find_answer((text,), phrases or book(), bot_id, THRESHOLDS, random.Random(str(seed))).found


@pytest.mark.parametrize("text", ["Привет!", "ПРИВЕТ", "приветтт", "как дела?", "Я люблю котов :)"])
def test_the_same_phrase_is_found_whatever_its_spelling(text: str) -> None:
    match = found(text)
    assert match is not None and match.score == 1.0


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("превет", "привет"),
        ("пирвет", "привет"),
        ("как дила", "как дела"),
        ("что ты делаеш севодня вечером", "что ты делаешь сегодня вечером"),
        ("чтоты делаешь сегодня вечером", "что ты делаешь сегодня вечером"),
    ],
)
def test_a_misspelt_phrase_is_recognised(text: str, phrase: str) -> None:
    match = found(text)
    assert match is not None and match.phrase == phrase
    assert THRESHOLDS.answer <= match.score < 1


@pytest.mark.parametrize(
    "text",
    ["я люблю кошек", "я люблю всех", "сколько будет 3 3", "кто я", "не", "ну", "совсем другое", "", "?", "я " * 4000],
)
def test_another_phrase_is_left_unsolved(text: str) -> None:
    assert found(text) is None


def test_a_bots_own_answer_wins_and_others_own_answers_are_not_its() -> None:
    phrases = book(
        AnswerRow(1, "привет", "общий"),
        AnswerRow(2, "привет", "свой", bot_id=7),
        AnswerRow(3, "пока", "чужой", bot_id=8),
    )
    match = found("привет", phrases)
    assert match is not None and match.answer.tx == "свой"
    other = found("привет", phrases, bot_id=9)
    assert other is not None and other.answer.tx == "общий"
    assert found("пока", phrases) is None and found("покаа", phrases) is None


def test_variants_come_by_weight_and_the_same_seed_chooses_the_same() -> None:
    phrases = book(*(AnswerRow(at, "привет", str(at), weight) for at, weight in [(1, 1), (2, 9), (3, 0)]))
    chosen = [found("привет", phrases, seed=seed).answer.id for seed in range(300)]  # type: ignore[union-attr]
    assert chosen == [found("привет", phrases, seed=seed).answer.id for seed in range(300)]  # type: ignore[union-attr]
    assert chosen.count(3) == 0 and chosen.count(2) > 5 * chosen.count(1) > 0


def test_a_name_that_is_part_of_a_phrase_does_not_hide_it() -> None:
    phrases = book(AnswerRow(1, "ты бот", "да"), AnswerRow(2, "привет", "и тебе"))
    whole = find_answer(("ты бот", "ты"), phrases, 7, THRESHOLDS, random.Random(1)).found
    assert whole is not None and whole.answer.id == 1
    bare = find_answer(("бот превет", "превет"), phrases, 7, THRESHOLDS, random.Random(1)).found
    assert bare is not None and bare.answer.id == 2


def test_a_changed_answer_moves_and_a_removed_one_is_gone() -> None:
    phrases = book(AnswerRow(1, "привет", "раз"))
    phrases.put(AnswerRow(1, "пока", "два"))
    assert phrases.answers_to("привет", 7) == [] and len(phrases) == 1
    phrases.remove(1)
    phrases.remove(1)
    assert found("пока", phrases) is None and len(phrases) == 0
