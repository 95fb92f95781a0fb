"""Where somebody reads in a log: at its end, or at rest among the lines that were there when they looked up.

Who rests holds the lines of that moment, so a flood cannot sweep them away from under the eyes. Both are bounded:
the ring's lines and one more set of as many. A line may be folded into several rows; only those near the window are.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import NamedTuple

from db.texts import ngettext
from salo_tui.widgets.ring import Level, Record, Ring, Words
from salo_tui.widgets.wrap import Fold

Folding = Callable[[Record], Sequence[Fold]]
_Place = tuple[int, int]  # index of a line, and of a row of it


class Seen(NamedTuple):
    """One row of the window: a line, or the part of it with this number."""

    record: Record
    part: int = 0

    def is_same(self, other: Seen | None) -> bool:
        """Compare without looking at the text."""
        return other is not None and self.record is other.record and self.part == other.part


def unfolded(record: Record) -> list[Fold]:
    """Leave a line whole, in one row."""
    return [(0, len(record.text))]


class Reader:
    """One reader of a ring, through a window of ``height`` rows. ``folds`` says of which rows a line consists."""

    def __init__(self, ring: Ring, height: int = 1, folds: Folding = unfolded) -> None:
        self.ring = ring
        self.height = height
        self.folds = folds
        self.hit: int | None = None  # number of the hit last jumped to
        self._held: list[Record] = []  # all lines of the moment of rest
        self._rows: list[Record] = []  # those of them that are shown
        self._top: _Place | None = None  # the upper row; None = follow

    @property
    def follows(self) -> bool:
        return self._top is None

    @property
    def newer(self) -> int:
        """How many shown lines came since this reader rests."""
        return 0 if self._top is None or not self._held else self.ring.newer_than(self._held[-1].number)

    def visible(self) -> list[Seen]:
        """Return the rows in the window, at most ``height``."""
        return self._last_rows() if self._top is None else self._rows_from(*self._top)

    def follow(self) -> None:
        """Go to the end and stay there."""
        self._top, self.hit = None, None
        self._held, self._rows = [], []

    def rest(self) -> None:
        """Stay with the lines that are seen now."""
        if self._top is None:
            self._hold()
            self._top = self._lowest()

    def resize(self, height: int) -> None:
        """Read through another number of rows, or after another folding; the upper line stays if enough is below."""
        self.height = height
        if self._top is not None:
            index, part = self._top
            parts = len(self.folds(self._rows[index])) if index < len(self._rows) else 1
            self._go_to((index, min(part, parts - 1)))

    def move(self, rows: int) -> None:
        """Go down by ``rows``, or up when negative; going up ends following."""
        if self._top is None:
            if rows >= 0 or self._fits():
                return
            self.rest()
        assert self._top is not None
        if rows > 0 and self._moved(self._top, rows) > self._lowest():
            self._hold_newer()
        self._go_to(self._moved(self._top, rows))

    def to_start(self) -> None:
        """Go to the oldest line that is kept."""
        self.rest()
        self._top = (0, 0)

    def sieve_again(self) -> None:
        """Show what the ring's sieve says now, from the same line on."""
        if self._top is not None:
            index, part = self._top
            number = self._rows[index].number if self._rows else 0
            self._rows = [record for record in self._held if self.ring.sieve.passes(record)]
            self._go_to(self._place_of(number, part))

    def jump(self, words: Words, step: int) -> bool:
        """Go to the next line that holds ``words`` (``step`` 1) or the one before (-1); from the last to the first.

        The first jump goes to the newest one. Return whether there is one.
        """
        self.rest()
        if step > 0 or self.hit is None:
            self._hold_newer()
        count = len(self._rows)
        start, step = (count - 1, -1) if self.hit is None else (self._after(self.hit, step), step)
        for distance in range(count):
            index = (start + step * distance) % count
            if words.found_in(self._rows[index]):
                self.hit = self._rows[index].number
                self._show((index, _part_with(words, self._rows[index].text, self.folds(self._rows[index]))))
                return True
        return False

    def show_hit(self, words: Words) -> None:
        """Bring the hit that was jumped to into the window, after it was laid out otherwise."""
        index = _index(self._rows, self.hit) if self.hit is not None else len(self._rows)
        if self._top is not None and index < len(self._rows) and self._rows[index].number == self.hit:
            self._show((index, _part_with(words, self._rows[index].text, self.folds(self._rows[index]))))

    def _show(self, place: _Place) -> None:
        """Bring a row into the middle of the window, unless it is in it."""
        assert self._top is not None
        if not self._top <= place < self._moved(self._top, self.height):
            self._go_to(self._moved(place, -(self.height // 2)))

    def _after(self, hit: int, step: int) -> int:
        """Return the index at which a jump from a hit begins to look; the hit may be there no more."""
        at = _index(self._rows, hit)
        here = at < len(self._rows) and self._rows[at].number == hit
        return at + step if here or step < 0 else at

    def _hold(self) -> None:
        self._held = list(self.ring.records)
        self._rows = list(self.ring.shown)

    def _hold_newer(self) -> None:
        """Take over what came meanwhile, keeping the place; lines that the ring could not keep are counted."""
        assert self._top is not None
        records, seen = self.ring.records, self._held[-1].number if self._held else None
        if not records or records[-1].number == seen:
            return
        index, part = self._top
        number = self._rows[index].number if self._rows else 0
        lost = 0 if seen is None else records[0].number - seen - 1
        self._hold()
        if lost > 0:
            gap = _gap(lost, self._held[0])
            self._held.insert(0, gap)
            self._rows.insert(0, gap)
        self._top = self._place_of(number, part)

    # Places in the lines that are held.

    def _go_to(self, place: _Place) -> None:
        self._top = max((0, 0), min(place, self._lowest()))

    def _place_of(self, number: int, part: int) -> _Place:
        """Return where a line is now, or the next one that is there."""
        index = _index(self._rows, number)
        return index, part if index < len(self._rows) and self._rows[index].number == number else 0

    def _moved(self, place: _Place, rows: int) -> _Place:
        """Return the place some rows further down, or up. It may lie below the last line, not above the first."""
        index, part = place[0], place[1] + rows
        while part < 0 and index > 0:
            index -= 1
            part += len(self.folds(self._rows[index]))
        while index < len(self._rows) and part >= (parts := len(self.folds(self._rows[index]))):
            part -= parts
            index += 1
        return index, max(0, part)

    def _lowest(self) -> _Place:
        """Return the place from which the last row is seen at the foot of the window."""
        rows = 0
        for index in range(len(self._rows) - 1, -1, -1):
            rows += len(self.folds(self._rows[index]))
            if rows >= self.height:
                return index, rows - self.height
        return 0, 0

    def _rows_from(self, index: int, part: int) -> list[Seen]:
        rows: list[Seen] = []
        for record in self._rows[index : index + self.height]:
            rows.extend(Seen(record, at) for at in range(part, len(self.folds(record))))
            part = 0
            if len(rows) >= self.height:
                break
        return rows[: self.height]

    # The end of the ring.

    def _last_rows(self) -> list[Seen]:
        rows: list[Seen] = []
        for record in reversed(self.ring.shown):
            rows.extend(Seen(record, at) for at in reversed(range(len(self.folds(record)))))
            if len(rows) >= self.height:
                break
        return rows[: self.height][::-1]

    def _fits(self) -> bool:
        """Say whether all there is to see is in the window."""
        rows = 0
        for record in reversed(self.ring.shown):
            rows += len(self.folds(record))
            if rows > self.height:
                return False
        return True


def _index(rows: list[Record], number: int) -> int:
    """Return the index of a record, or of the next one that is there."""
    return bisect_left(rows, number, key=lambda record: record.number)


def _part_with(words: Words, text: str, folds: Sequence[Fold]) -> int:
    """Return the row of a line in which the first of the words begins."""
    places = (text.lower().find(word) for word in words.words)
    first = min((place for place in places if place >= 0), default=0)
    return min(sum(end <= first for _start, end in folds), len(folds) - 1)


def _gap(lost: int, before: Record) -> Record:
    text = ngettext("{count} line went by meanwhile", "{count} lines went by meanwhile", lost).format(count=lost)
    return Record(before.number - 1, before.at_ms, Level.NOTICE, text, "")
