"""An index of a base, and over it the answers that have changed since it was made.

A change is found by the next search: it is in a small index in memory. Knows neither MariaDB nor Redis.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from engine.matching.book import EVERY_BOT, AnswerRow
from engine.matching.build import Array, build_arrays
from engine.matching.segment import Segment

FRESH_MAX = 64  # changes that are indexed anew after each further one; with more they join the older ones


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

    def row(self, answer_id: int) -> AnswerRow | None:
        """Return an answer of this index, or None."""
        found, _which = self.segment.find("id", [answer_id])
        if not found or answer_id in self.dead:
            return None
        phrase = int(self.segment.row_at.searchsorted(found[0], "right")) - 1
        return self._row(found[0], self.segment.text(phrase))

    def holds(self, answer_id: int) -> bool:
        return answer_id not in self.dead and self.segment.has_id(answer_id)

    def __len__(self) -> int:
        return len(self.segment.row_id) - len(self.dead)


class LayeredIndex:
    """What is known of a base: ``segment``, and the changes that were put in.

    ``ask`` returns the answers to exactly one phrase from wherever the truth is; it is set while much is known to be
    missing here.
    """

    def __init__(self, segment: Segment) -> None:
        self.ask: Callable[[str, int], list[AnswerRow]] | None = None
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

    def row(self, answer_id: int) -> AnswerRow | None:
        """Return the answer of this id, or None."""
        return self._fresh.get(answer_id) or self._older.get(answer_id) or self._main.row(answer_id)

    def ids(self) -> Array:
        """Return the ids of all answers, in no order."""
        main = self._main.segment.row_id
        dead = np.fromiter(self._main.dead, np.int64, len(self._main.dead))
        changed = np.fromiter((*self._older, *self._fresh), np.int64, len(self._older) + len(self._fresh))
        return np.concatenate((main[~np.isin(main, dead)], changed))

    def put(self, row: AnswerRow) -> None:
        """Add an answer, or replace the one of the same id. A phrase without anything visible is left out."""
        self.remove(row.id)
        if row.rx_norm:
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
            self._index_fresh()
        return [layer for layer in (self._main, self._older_layer, self._fresh_layer) if layer is not None]

    def answers_to(self, rx_norm: str, bot_id: int) -> list[AnswerRow]:
        """Return the answers to exactly this phrase: the bot's own, else those of every bot."""
        if self.ask is not None:
            return self.ask(rx_norm, bot_id)
        found: list[AnswerRow] = []
        for layer in self.layers():
            phrase = layer.segment.phrase_of(rx_norm)
            if phrase >= 0:
                found += layer.rows(phrase, bot_id)
        return own_first(found, bot_id)

    def _index_fresh(self) -> None:
        """Index what has changed since the last search; much of it joins the older changes."""
        if len(self._fresh) > FRESH_MAX:
            self._older.update(self._fresh)
            self._fresh.clear()
            self._older_layer = self._layer(self._older.values())
        self._fresh_layer = self._layer(self._fresh.values()) if self._fresh else None
        self._is_fresh_stale = False

    def _layer(self, rows: Iterable[AnswerRow]) -> Layer:
        """Index some changed answers. Their words are as rare as they are in the whole base."""
        return Layer(Segment(build_arrays(rows, self._main.segment.rarity_of)), set())


def own_first(rows: list[AnswerRow], bot_id: int) -> list[AnswerRow]:
    """Return the bot's own answers of some, else those of every bot."""
    return [row for row in rows if row.bot_id == bot_id] or [row for row in rows if row.bot_id == EVERY_BOT]
