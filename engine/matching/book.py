"""An answer as the matcher has it."""

from __future__ import annotations

from dataclasses import dataclass

EVERY_BOT = 0  # as bot_id of an answer: every bot on this base


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """One answer to one normalised phrase."""

    id: int
    rx_norm: str
    tx: str
    weight: int = 1
    bot_id: int = EVERY_BOT
