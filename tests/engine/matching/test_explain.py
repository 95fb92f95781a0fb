"""What is said of why a phrase was taken for another, and what thresholds a base's own phrases lead to."""

from __future__ import annotations

import random

import pytest

from db.texts import use_language
from engine.matching.book import AnswerRow
from engine.matching.build import build_arrays
from engine.matching.calibrate import LEAST, MOST, calibrate, with_slip
from engine.matching.explain import reasons, say_the_same
from engine.matching.inquiry import inquire
from engine.matching.layers import LayeredIndex
from engine.matching.match import Thresholds
from engine.matching.normalise import normalise
from engine.matching.segment import Segment

THRESHOLDS = Thresholds(0.8, 0.2)


def index_of(*phrases: str) -> LayeredIndex:
    rows = [AnswerRow(number, normalise(phrase), f"answer {number}") for number, phrase in enumerate(phrases, 1)]
    return LayeredIndex(Segment(build_arrays(rows)))


@pytest.mark.parametrize(
    ("said", "phrase", "told"),
    [
        ("привет", "привет", ["the same phrase"]),
        ("превет", "привет", ['typo in "превет" (привет)']),
        ("люблю кошку", "люблю кошек", ['"кошку" is a form of "кошек"']),
        ("как твои дела", "твои дела как", ["other word order"]),
        ("ну как дела", "как дела", ['"ну" too much']),
        ("как дела", "как твои дела", ['missing "твои"']),
        ("не люблю котов", "люблю котов", ['"не" too much', "negation differs"]),
        ("спокойнойночи", "спокойной ночи", ['"спокойнойночи" is "спокойной", joined or apart',
                                            '"спокойнойночи" is "ночи", joined or apart']),
        ("мне 15 лет", "мне 16 лет", ['missing "16"', '"15" too much', "another number"]),
        ("what is you name", "what is your name", ['typo in "you" (your)']),
    ],
)  # fmt: skip
def test_the_difference_is_told_in_words(said: str, phrase: str, told: list[str]) -> None:
    with use_language("en"):
        assert [reason.told() for reason in reasons(said, said, phrase)] == told


def test_reasons_are_told_in_the_language_in_use_and_any_text_has_some() -> None:
    with use_language("ru"):
        assert [reason.told() for reason in reasons("превет", "превет", "привет")] == ["опечатка в «превет» (привет)"]
        for said, phrase in (("", "привет"), ("???", "привет"), ("привет", "😀"), ("я " * 3000, "я " * 2000)):
            assert all(reason.told() for reason in reasons(said.strip(), said.strip(), phrase.strip()))


def test_an_inquiry_has_the_decision_the_candidates_and_why() -> None:
    index = index_of("привет", "как дела", "как твои дела", "спокойной ночи", "включи музыку")
    with use_language("en"):
        found = inquire("rfr ltkf", index, 0, THRESHOLDS).as_data()
        assert (found["decision"], found["rx"], found["answer_id"], found["score"]) == ("answer", "как дела", 2, 1.0)
        assert found["candidates"][0]["why"] == ['read as "как дела"', "the same phrase"]
        foreign = inquire("сколько стоит доставка", index, 0, THRESHOLDS)
        assert foreign.decision == "unsolved" and (foreign.best is None or foreign.best.score < 0.2)


def test_thresholds_keep_foreign_phrases_out_and_misspelt_ones_in() -> None:
    names = ["музыку", "свет", "телевизор", "чайник", "утюг", "радио", "кондиционер", "пылесос", "компьютер", "фонарь"]
    index = index_of(*(f"{verb} {name}" for name in names for verb in ("включи", "выключи", "почини", "где лежит")))
    found = calibrate(index, 1)
    assert found == calibrate(index, 1) and len(found.foreign) == 40 and len(found.misspelt) > 30
    threshold = found.threshold(0.05)
    assert found.answered_foreign(threshold) <= 0.05
    assert found.answered_misspelt(threshold) > 0.7
    assert LEAST <= found.threshold(0.5) <= threshold <= MOST


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("как дела", "дела как", True), ("ну как дела", "как дела", True), ("люблю кошку", "люблю кошек", True),
        ("люблю кошек", "люблю собак", False), ("не люблю", "люблю", False), ("кто ты", "где ты", False),
        ("мне 15", "мне 16", False), ("я хочу спать", "хочу спать", True), ("", "привет", False),
    ],
)  # fmt: skip
def test_two_phrases_say_the_same_in_any_form_and_order(one: str, other: str, is_same: bool) -> None:
    assert say_the_same(one, other) is is_same


def test_a_slip_changes_one_word_a_little() -> None:
    dice = random.Random(1)
    for phrase in ("включи музыку", "good morning"):
        slipped = with_slip(phrase, dice)
        assert sum(one != other for one, other in zip(phrase.split(), slipped.split(), strict=True)) <= 1
    assert with_slip("я да ты", dice) == "я да ты"
