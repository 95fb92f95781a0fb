"""An index of a base, and over it the answers that have changed since it was made.

A change is found by the next search: it is in a small index in memory. Knows neither MariaDB nor Redis.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from engine.matching.book import EVERY_BOT, AnswerRow
from engine.matching.build import build_arrays
from engine.matching.segment import Segment

FRESH_MAX = 64  # changes that are indexed anew with each further one; with more they join the older ones


@dataclass(slots=True)
class Layer:
    """One index, and which of its answers count no more: they were changed or deleted since."""

    segment: Segment
    dead: set[int]

    def rows(self, phrase: int, bot_id: int) -> list[AnswerRow]:
        """Return the answers to a phrase of this index: the bot's own, else those of every bot."""
        segment = self.segment
        first, last = int(segment.row_at[phrase]), int(segment.row_at[phrase + 1])
        owners = segment.row_bot[first:last].tolist()
        ids = segment.row_id[first:last].tolist()
        for owner in dict.fromkeys((bot_id, EVERY_BOT)):
            found = [
                first + place
                for place, (answer_id, of) in enumerate(zip(ids, owners, strict=True))
                if of == owner and answer_id not in self.dead
            ]
            if found:
                text = segment.text(phrase)
                return [self._row(place, text) for place in found]
        return []

    def _row(self, place: int, text: str) -> AnswerRow:
        segment = self.segment
        return AnswerRow(
            int(segment.row_id[place]),
            text,
            segment.answer(place),
            int(segment.row_weight[place]),
            int(segment.row_bot[place]),
        )

    def holds(self, answer_id: int) -> bool:
        return answer_id not in self.dead and self.segment.has_id(answer_id)

    def __len__(self) -> int:
        return len(self.segment.row_id) - len(self.dead)


class LayeredIndex:
    """What is known of a base: ``segment``, and the changes that were put in."""

    def __init__(self, segment: Segment) -> None:
        self._main = Layer(segment, set())
        self._older: dict[int, AnswerRow] = {}
        self._fresh: dict[int, AnswerRow] = {}
        self._older_layer: Layer | None = None
        self._fresh_layer: Layer | None = None
        self._is_fresh_stale = False

    def __len__(self) -> int:
        return len(self._main) + len(self._older) + len(self._fresh)

    @property
    def changes(self) -> int:
        """How many answers have come, changed or gone since the index was made."""
        gone = sum(answer_id not in self._older and answer_id not in self._fresh for answer_id in self._main.dead)
        return len(self._older) + len(self._fresh) + gone

    def put(self, row: AnswerRow) -> None:
        """Add an answer, or replace the one of the same id. A phrase without anything visible is left out."""
        self.remove(row.id)
        if not row.rx_norm:
            return
        if len(self._fresh) >= FRESH_MAX:
            self._older.update(self._fresh)
            self._fresh.clear()
            self._older_layer = self._layer(self._older.values())
        self._fresh[row.id] = row
        self._is_fresh_stale = True

    def remove(self, answer_id: int) -> None:
        """Forget an answer; an unknown one is none."""
        if self._main.holds(answer_id):
            self._main.dead.add(answer_id)
        if self._fresh.pop(answer_id, None) is not None:
            self._is_fresh_stale = True
        if self._older.pop(answer_id, None) is not None and self._older_layer is not None:
            self._older_layer.dead.add(answer_id)

    def layers(self) -> list[Layer]:
        """Return the indexes to search, the largest first."""
        if self._is_fresh_stale:
            self._fresh_layer = self._layer(self._fresh.values()) if self._fresh else None
            self._is_fresh_stale = False
        return [layer for layer in (self._main, self._older_layer, self._fresh_layer) if layer is not None]

    def answers_to(self, rx_norm: str, bot_id: int) -> list[AnswerRow]:
        """Return the answers to exactly this phrase: the bot's own, else those of every bot."""
        found: list[AnswerRow] = []
        for layer in self.layers():
            phrase = layer.segment.phrase_of(rx_norm)
            if phrase >= 0:
                found += layer.rows(phrase, bot_id)
        own = [row for row in found if row.bot_id == bot_id]
        return own or found

    def _layer(self, rows: Iterable[AnswerRow]) -> Layer:
        """Index some changed answers. Their words are as rare as they are in the whole base."""
        return Layer(Segment(build_arrays(rows, self._main.segment.rarity_of)), set())
