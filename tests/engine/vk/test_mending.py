"""What is sent in place of a message that VK refuses for its form."""

from __future__ import annotations

import pytest

from engine.vk.errors import VkError
from engine.vk.mending import PIECE_MAX, mended

WHOLE = {
    "random_id": 7,
    "peer_id": 11,
    "message": "привет",
    "keyboard": "{}",
    "attachment": "photo1_2",
    "forward": "{}",
}


@pytest.mark.parametrize(
    ("code", "gone"),
    [
        (910, "attachment"),
        (911, "keyboard"),
        (912, "keyboard"),
        (913, "forward"),
        (921, "forward"),
        (940, "attachment"),
    ],
)
def test_the_part_that_offends_is_left_out_and_the_number_stays(code: int, gone: str) -> None:
    (call,) = mended(WHOLE, VkError(code, ""), 77)
    assert call == {name: value for name, value in WHOLE.items() if name != gone}
    assert mended(call, VkError(code, ""), 77) == []


@pytest.mark.parametrize("code", [5, 100, 901, 123456])
def test_nothing_is_sent_again_where_its_form_is_not_at_fault(code: int) -> None:
    assert mended(WHOLE, VkError(code, ""), 77) == []


def test_a_message_that_is_too_long_is_cut_into_pieces_with_numbers_of_their_own() -> None:
    words = "слово " * 600
    calls = mended({**WHOLE, "message": words}, VkError(914, ""), 77)
    assert " ".join(call["message"] for call in calls).split() == words.split()
    assert all(len(call["message"]) <= PIECE_MAX for call in calls)
    assert len({call["random_id"] for call in calls} | {7}) == len(calls) + 1
    assert [("forward" in call, "keyboard" in call) for call in calls] == [(True, False), (False, True)]
    assert calls == mended({**WHOLE, "message": words}, VkError(914, ""), 77)


def test_a_short_message_is_not_cut() -> None:
    assert mended(WHOLE, VkError(914, ""), 77) == []
