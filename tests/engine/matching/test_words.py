"""Words: lemmas and grammar, and spellings that are near."""

from __future__ import annotations

import pytest

from engine.matching.lexicon import KINDS, Grammar, look_up
from engine.matching.spelling import near_numbers, number, sound


@pytest.mark.parametrize(
    ("word", "lemma"),
    [("котов", "кот"), ("любишь", "любить"), ("тебя", "ты"), ("вас", "ты"), ("щас", "сейчас"), ("hello", "hello"),
     ("бвуггер", "бвуггер"), ("елка", "ёлка"), ("42", "42")],
)  # fmt: skip
def test_a_word_has_a_lemma(word: str, lemma: str) -> None:
    assert look_up(word).lemma == lemma
    assert look_up(word).number == number(lemma)


def test_what_a_dictionary_knows() -> None:
    assert [bool(look_up(word).grammar & Grammar.KNOWN) for word in ("привет", "любишь", "7")] == [True] * 3
    assert not any(look_up(word).grammar & Grammar.KNOWN for word in ("превет", "x" * 100))


@pytest.mark.parametrize(
    ("word", "flags"),
    [
        ("люблю", Grammar.KNOWN | Grammar.VERB | Grammar.CONTENT | Grammar.PERSON_1),
        ("я", Grammar.KNOWN | Grammar.PRONOUN | Grammar.NOMINATIVE | Grammar.PERSON_1),
        ("тебя", Grammar.KNOWN | Grammar.PRONOUN | Grammar.PERSON_2),
        ("не", Grammar.KNOWN | Grammar.NEGATION),
        ("ну", Grammar.KNOWN | Grammar.FILLER),
        ("где", Grammar.KNOWN | Grammar.QUESTION),
        ("12", Grammar.KNOWN | Grammar.CONTENT | Grammar.NUMBER),
        ("бвуггер", Grammar.CONTENT),
    ],
)
def test_the_grammar_that_changes_a_meaning(word: str, flags: Grammar) -> None:
    assert Grammar(look_up(word).grammar) & flags == flags


@pytest.mark.parametrize(
    ("word", "kind"),
    [("12", "number"), ("не", "negation"), ("бот", "address"), ("ну", "filler"), ("сейчас", "soft"),
     ("где", "question"), ("ты", "subject"), ("тебя", "pronoun"), ("идти", "verb"), ("слон", "noun"),
     ("красный", "content"), ("в", "rest")],
)  # fmt: skip
def test_what_a_word_does_in_a_phrase(word: str, kind: str) -> None:
    assert list(KINDS)[look_up(word).kind] == kind


@pytest.mark.parametrize(
    ("one", "other"), [("привет", "превет"), ("привет", "првиет"), ("привет", "пивет"), ("да", "дв"), ("не", "нее")]
)
def test_words_a_slip_apart_share_a_number(one: str, other: str) -> None:
    assert set(near_numbers(one)) & set(near_numbers(other))


@pytest.mark.parametrize(
    ("one", "other"), [("нравится", "нравиться"), ("счастье", "щастье"), ("корова", "карова"), ("его", "ево")]
)
def test_words_that_sound_alike(one: str, other: str) -> None:
    assert sound(one) == sound(other)
