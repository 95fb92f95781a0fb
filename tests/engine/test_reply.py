"""How an answer becomes the messages that are sent."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.answers import needs_names, render
from engine.reply import PARTS_MAX, compose_parts, split_text
from engine.vk.random_id import derive_random_id

NAMES = {"user_name": "Ваня", "fi_name": "Иван", "la_name": "Петров", "bot_name": "Анна"}


@pytest.mark.parametrize(
    ("tx", "text"),
    [
        ("привет", "привет"),
        ("привет, {user_name}!", "привет, Ваня!"),
        ("{fi_name} {la_name}, я {bot_name}", "Иван Петров, я Анна"),
        ("{user_name.__class__} {0} {secret}", "{user_name.__class__} {0} {secret}"),
        ('{"text": "раз {user_name}"}', "раз Ваня"),
        ('{"variants": ["раз"]}', "раз"),
        ('{"variants": [{"text": "два", "weight": 3}, {"text": "ноль", "weight": 0}]}', "два"),
        ('{"variants": [], "text": "запас"}', "запас"),
        ("{не джейсон", "{не джейсон"),
        ('{"other": 1}', '{"other": 1}'),
    ],
)
def test_an_answer_is_rendered(tx: str, text: str) -> None:
    assert render(tx, NAMES, random.Random(1)) == text


def test_a_name_cannot_mention_others() -> None:
    assert render("{user_name}", {"user_name": "[id1|@all]"}, random.Random(1)) == "id1all"


def test_the_same_dice_choose_the_same_variant() -> None:
    tx = '{"variants": ["a", "b", "c", "d"]}'
    chosen = [render(tx, {}, random.Random("seed")) for _ in range(5)]
    assert len(set(chosen)) == 1
    assert len({render(tx, {}, random.Random(seed)) for seed in range(40)}) == 4


def test_only_answers_with_a_persons_name_need_it() -> None:
    assert needs_names("привет, {user_name}")
    assert not needs_names("я {bot_name}")


@given(st.text(alphabet=st.sampled_from("аб \n😀"), max_size=400), st.integers(2, 60))
def test_pieces_keep_every_letter_in_order_and_none_is_too_long(text: str, most: int) -> None:
    pieces = split_text(text, most)
    assert "".join("".join(pieces).split()) == "".join(text.split())
    assert all(len(piece.encode("utf-16-le")) // 2 <= most and piece.strip() for piece in pieces)


def test_a_long_text_is_cut_between_words() -> None:
    pieces = split_text("слово " * 2000)
    assert len(pieces) > 1
    assert all(set(piece.split()) == {"слово"} for piece in pieces)


def test_parts_have_numbers_of_their_own_and_a_bound() -> None:
    parts = compose_parts("я" * 100_000, 7, 11, 5)
    assert len(parts) == PARTS_MAX
    assert len({part.random_id for part in parts}) == PARTS_MAX
    assert compose_parts("  \n ", 7, 11, 5) == ()


@given(st.integers(1, 1 << 40), st.integers(), st.integers(0, 1 << 60), st.integers(0, 10))
def test_random_id_is_a_stable_int32_and_never_0(group: int, peer: int, cmid: int, part: int) -> None:
    number = derive_random_id(group, peer, cmid, part)
    assert number == derive_random_id(group, peer, cmid, part)
    assert number != 0 and -(1 << 31) <= number < 1 << 31


def test_random_id_stays_what_it_was() -> None:
    """A changed derivation would double replies that were sent before an update and repeated after it."""
    assert derive_random_id(232142875, 2_000_000_001, 2670, 0) == 676_668_075
