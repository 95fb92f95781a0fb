"""The phrases of one base in memory, with their answers. Knows neither MariaDB nor Redis; changes are handed in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
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


class PhraseBook:
    """Answers by phrase. ``position`` is the delta up to which it is true, ``look`` its table's when it was read."""

    def __init__(self, rows: Iterable[AnswerRow] = (), position: str = "0-0", look: str = "") -> None:
        self.position = position
        self.look = look
        self._rows: dict[int, AnswerRow] = {}
        self._phrases: dict[int, dict[str, list[int]]] = {}  # bot_id -> phrase -> answers
        for row in rows:
            self.put(row)

    def __len__(self) -> int:
        return len(self._rows)

    def rows(self) -> Iterator[AnswerRow]:
        return iter(self._rows.values())

    def put(self, row: AnswerRow) -> None:
        """Add an answer, or replace the one of the same id. A phrase without anything visible is left out."""
        self.remove(row.id)
        if row.rx_norm:
            self._rows[row.id] = row
            self._phrases.setdefault(row.bot_id, {}).setdefault(row.rx_norm, []).append(row.id)

    def remove(self, answer_id: int) -> None:
        """Forget an answer; an unknown one is none."""
        row = self._rows.pop(answer_id, None)
        if row is None:
            return
        phrases = self._phrases[row.bot_id]
        phrases[row.rx_norm].remove(answer_id)
        if not phrases[row.rx_norm]:
            del phrases[row.rx_norm]

    def answers_to(self, rx_norm: str, bot_id: int) -> list[AnswerRow]:
        """Return the answers to exactly this phrase: the bot's own, else those of every bot."""
        for owner in (bot_id, EVERY_BOT):
            found = self._phrases.get(owner, {}).get(rx_norm)
            if found:
                return [self._rows[answer_id] for answer_id in found]
        return []

    def phrases(self, bot_id: int) -> Mapping[str, list[int]]:
        """Return the phrases that belong to exactly this bot (or, for 0, to every bot). Do not change it."""
        return self._phrases.get(bot_id, {})
