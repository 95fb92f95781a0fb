"""Words: lemmas and grammar, spellings that are near, and other readings of a message."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.matching.lexicon import Grammar, is_known, look_up
from engine.matching.normalise import normalise
from engine.matching.readings import READINGS_MAX, readings
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
    assert is_known("привет") and is_known("любишь") and is_known("7")
    assert not is_known("превет") and not is_known("x" * 100)


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
    ("one", "other"), [("привет", "превет"), ("привет", "првиет"), ("привет", "пивет"), ("да", "дв"), ("не", "нее")]
)
def test_words_a_slip_apart_share_a_number(one: str, other: str) -> None:
    assert set(near_numbers(one)) & set(near_numbers(other))


@pytest.mark.parametrize(
    ("one", "other"), [("нравится", "нравиться"), ("счастье", "щастье"), ("корова", "карова"), ("его", "ево")]
)
def test_words_that_sound_alike(one: str, other: str) -> None:
    assert sound(one) == sound(other)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("ghbdtn", "привет"),
        (",fpf", "база"),
        ("[kt,", "хлеб"),
        ("руддщ", "hello"),
        ("privet kak dela", "привет как дела"),
        ("4to", "что"),
        ("пpивeт", "привет"),
        ("КАК LTKF", "как дела"),
    ],
)
def test_a_message_is_read_in_other_ways(text: str, meant: str) -> None:
    assert meant in readings(text)
    assert readings(text)[0] == normalise(text)


@given(st.text(max_size=400))
def test_readings_are_few_normal_and_the_plain_one_is_first(text: str) -> None:
    found = readings(text)
    assert 1 <= len(found) <= READINGS_MAX and len(set(found)) == len(found)
    assert all(normalise(form) == form for form in found)
    assert found[0] == normalise(text) or not normalise(text)
