"""Equal phrases get one form, whatever the keyboard did to them."""

from __future__ import annotations

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
        ("\ud800", ""),
    ],
)
def test_spellings_of_a_phrase_share_one_form(text: str, form: str) -> None:
    assert normalise(text) == form


@given(st.text())
def test_a_normalised_phrase_is_its_own_form(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once
    assert once == once.strip() and "  " not in once


def test_hash_is_32_hex_digits_and_differs_by_form() -> None:
    assert len(phrase_hash("привет")) == 32
    assert int(phrase_hash("привет"), 16) != int(phrase_hash("пока"), 16)


def test_what_is_remembered_of_characters_has_a_bound() -> None:
    for code in range(2 * CHARACTERS_MAX):
        normalise(chr(0x3400 + code))
    assert characters_known() == CHARACTERS_MAX
    assert normalise("Ещё\u0301 раз, 漢字!") == "еще раз 漢字"
