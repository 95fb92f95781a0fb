"""How a bot that rests is said in one word."""

from __future__ import annotations

from typing import get_args

import pytest

from db.protocol import BotInfo, Health, PauseKind
from salo_tui.words import bot_look


def bot(pause: PauseKind, *, enabled: bool = True) -> BotInfo:
    return BotInfo("anna", 1, 77, "main", enabled, "running", 3, 0, health=Health("bad", "why"), pause=pause)


@pytest.mark.parametrize(
    ("pause", "word", "tone"),
    [("token", "stopped", "bad"), ("failing", "paused", "bad"), ("vk", "no VK", "warn"), ("method", "paused", "warn")],
)
def test_what_a_bot_rests_for_wins_over_its_health(pause: PauseKind, word: str, tone: str) -> None:
    assert bot_look(bot(pause))[1:] == (word, tone)
    assert bot_look(bot(pause, enabled=False)).word == "off"


def test_every_pause_has_its_word() -> None:
    assert {bot_look(bot(pause)).word for pause in get_args(PauseKind)} == {"stopped", "paused", "no VK", "broken"}
