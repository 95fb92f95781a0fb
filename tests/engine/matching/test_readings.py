"""What a message may have been meant to say: other layout or script, glued negation. Little, in bounded time."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.matching.normalise import normalise
from engine.matching.readings import LENGTH_MAX, READINGS_MAX, readings


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("ghbdtn", "привет"),
        ("GHBDTN, rfr ltkf&", "привет как дела"),
        (",fpf", "база"),
        ("[kt,", "хлеб"),
        ("ytpyf.", "не знаю"),
        ("'nj z :D", "это я"),
        ("ты rfr", "ты как"),
        ("приdtn", "привет"),
        ("руддщ", "hello"),
        ("цщкдв, привет", "world привет"),
        ("нщг фку рщьу", "you are home"),
        ("privet kak dela", "привет как дела"),
        ("4to delaesh", "что делаешь"),
        ("shchuka i 6utka", "щука и шутка"),
        ("kakoy ty", "какой ты"),
        ("4то ты хо4ешь", "что ты хочешь"),
        ("пpивeт", "привет"),
        ("hеllо", "hello"),
        ("a ты", "а ты"),
        ("незнаю", "не знаю"),
        ("Не знаю!", "незнаю"),
        ("нехочу, нибуду", "не хочу ни буду"),
        ("ладно D ;)", "ладно"),
    ],
)
def test_what_was_meant_is_among_the_readings(text: str, meant: str) -> None:
    assert meant in readings(text)


@pytest.mark.parametrize("text", ["как дела", "небо", "2 + 2", "?!", "😀", "", "\u200b", "Нет, я в порядке :)"])
def test_what_is_plain_has_one_reading(text: str) -> None:
    assert readings(text) == (normalise(text),)


@given(st.text() | st.text(alphabet="abcхжнеи ,[';46d:3"))
def test_readings_are_few_forms_with_the_plain_one_first(text: str) -> None:
    found = readings(text)
    assert found[0] == normalise(text) or (not normalise(text) and len(found) == 1)
    assert len(set(found)) == len(found) <= READINGS_MAX
    assert all(normalise(form) == form for form in found)
    assert readings(text) == found


@pytest.mark.parametrize("text", ["ytн" * 100, "незнаю " * 42, "x" * LENGTH_MAX, "п4" * 150, ":d " * 100, "," * 300])
def test_no_text_takes_long(text: str) -> None:
    started = time.process_time()
    readings(text)
    assert time.process_time() - started < 0.25  # it takes a few milliseconds


def test_a_long_text_is_read_as_it_stands() -> None:
    assert readings("ghbdtn " * 1500) == (normalise("ghbdtn " * 1500),)
