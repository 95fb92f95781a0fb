"""Equal phrases get one form, whatever the keyboard did to them."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.matching.normalise import CHARACTERS_MAX, characters_known, normalise, phrase_hash


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("Привет!!!", "привет"),
        ("  ПРИВЕТ ,  как   дела?", "привет как дела"),
        ("приветттт", "привет"),
        ("ЁЖИК", "ежик"),
        ("е\u0308жик", "ежик"),  # ё typed as two characters
        ("[club7|@anna] ты тут", "anna ты тут"),
        ("и\u0306од", "йод"),
        ("при\u00adвет", "привет"),
        ("привет 😀", "привет"),
        ("😀😀", "😀"),
        ("?!", "?!"),
        ("???", "?"),
        ("100000 раз", "100000 раз"),
        ("ссора", "ссора"),
        ("", ""),
        (" \u200b ", ""),
        ("\u3164\u2800", ""),  # blank letters, as people send empty messages with them
        ("\u202eпри\u200fвет\u202c", "привет"),  # marks of direction
        ("привет\ud83d как", "привет как"),
        ("[id1:bp-7_12|Анна], да", "анна да"),
        ("привет :D", "привет"),
        ("привет:ДДД", "привет"),
        ("ну xDDD", "ну"),
        ("ХД, точно", "точно"),
        ("ну x'd", "ну"),
        ("ну x\u200bd", "ну"),
        ("да =D", "да"),
        ("милый :3", "милый"),
        ("люблю <3 =)))", "люблю"),
        ("ну o_O и T_T", "ну и"),
        ("ладно ^_^ )))", "ладно"),
        ("жаль :с", "жаль"),
        ("в 10:30", "в 10 30"),
        ("на c:", "на c"),
        ("x=3 и y=d", "x 3 и y d"),
        ("D: это диск", "d это диск"),
        ("хдлолка", "хдлолка"),
        (":DDD", ":d"),
        ("xD", "xd"),
        (":D 😀", ":d😀"),
        (")))", ")"),
        ("ааааа", "а"),
        ("don't, don’t", "dont dont"),
        ("'так' 'нет'", "так нет"),
        ("кто-то", "кто то"),
        ("\ud800", ""),
    ],
)
def test_spellings_of_a_phrase_share_one_form(text: str, form: str) -> None:
    assert normalise(text) == form


_TRICKY = "xXхХdDдД:;=-_<3зЗоО0oт.'’ʼ )(аё\u200b\u0301\u202e\ud800😀[|]idc17\u3164ﷺ"


@given(st.text() | st.text(alphabet=_TRICKY))
def test_a_normalised_phrase_is_its_own_form(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once
    assert once == once.strip() and "  " not in once


@pytest.mark.parametrize(
    "text",
    ["ха" * 5000, "я" * 10_000, "\u0301\u0316" * 20_000, "ﷺ" * 10_000, ":d" * 5000, "<" * 10_000, "[id1|" * 2000,
     "x" * 10_000, "0_" * 5000, ":" + "d" * 10_000 + "1", "привет " * 1000, "\ud800" * 10_000, "'" * 10_000],
)  # fmt: skip
def test_no_text_takes_long(text: str) -> None:
    started = time.process_time()
    once = normalise(text)
    assert time.process_time() - started < 0.5  # it takes hundredths
    assert normalise(once) == once


def test_hash_is_32_hex_digits_and_differs_by_form() -> None:
    assert len(phrase_hash("привет")) == 32
    assert int(phrase_hash("привет"), 16) != int(phrase_hash("пока"), 16)


def test_what_is_remembered_of_characters_has_a_bound() -> None:
    for code in range(2 * CHARACTERS_MAX):
        normalise(chr(0x3400 + code))
    assert characters_known() == CHARACTERS_MAX
    assert normalise("Ещё\u0301 раз, 漢字!") == "еще раз 漢字"
