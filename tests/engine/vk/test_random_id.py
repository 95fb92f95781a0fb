"""The numbers that make a repeat harmless: the same in every engine and every version."""

from __future__ import annotations

import pytest

from engine.vk.random_id import derive_random_id, event_number


@pytest.mark.parametrize(
    ("place", "number"),
    [
        ((123456, 101, 7, 0), 1387621678),
        ((123456, 2_000_000_001, 40, 1), 509955805),
        ((1, 2, event_number("abc"), 0), 728130030),
    ],
)
def test_numbers_are_those_that_other_engines_derive(place: tuple[int, int, int, int], number: int) -> None:
    assert derive_random_id(*place) == number


def test_each_part_of_each_reply_has_a_number_that_vk_compares() -> None:
    numbers = {derive_random_id(1, peer, cmid, part) for peer in (1, 2) for cmid in range(50) for part in range(10)}
    assert len(numbers) == 1000 and 0 not in numbers
    assert all(-(1 << 31) <= number < 1 << 31 for number in numbers)
