"""Where somebody reads in a log: at its end, or at rest among the lines that were there when they looked up.

Who rests holds the lines of that moment, so a flood cannot sweep them away from under the eyes. Both are bounded:
the ring's lines and one more set of as many.
"""

from __future__ import annotations

from bisect import bisect_left

from db.texts import ngettext
from salo_tui.widgets.ring import Level, Record, Ring, Words


class Reader:
    """One reader of a ring, through a window of ``height`` rows."""

    def __init__(self, ring: Ring, height: int = 1) -> None:
        self.ring = ring
        self.height = height
        self.hit: int | None = None  # number of the hit last jumped to
        self._held: list[Record] = []  # all lines of the moment of rest
        self._rows: list[Record] = []  # those of them that are shown
        self._top: int | None = None  # index of the upper row; None = follow

    @property
    def follows(self) -> bool:
        return self._top is None

    @property
    def newer(self) -> int:
        """How many shown lines came since this reader rests."""
        return 0 if self._top is None or not self._held else self.ring.newer_than(self._held[-1].number)

    def visible(self) -> list[Record]:
        """Return the lines in the window, at most ``height``."""
        if self._top is None:
            return self.ring.last_shown(self.height)
        return self._rows[self._top : self._top + self.height]

    def follow(self) -> None:
        """Go to the end and stay there."""
        self._top, self.hit = None, None
        self._held, self._rows = [], []

    def rest(self) -> None:
        """Stay with the lines that are seen now."""
        if self._top is None:
            self._hold()
            self._top = max(0, len(self._rows) - self.height)

    def resize(self, height: int) -> None:
        """Read through another number of rows; the upper line stays where there are enough below it."""
        self.height = height
        if self._top is not None:
            self._go_to(self._top)

    def move(self, lines: int) -> None:
        """Go down by ``lines``, or up when negative; going up ends following."""
        if self._top is None:
            if lines >= 0 or len(self.ring.shown) <= self.height:
                return
            self.rest()
        assert self._top is not None
        if self._top + lines + self.height > len(self._rows):
            self._hold_newer()
        self._go_to(self._top + lines)

    def to_start(self) -> None:
        """Go to the oldest line that is kept."""
        self.rest()
        self._top = 0

    def sieve_again(self) -> None:
        """Show what the ring's sieve says now, from the same line on."""
        if self._top is not None:
            number = self._rows[self._top].number if self._rows else 0
            self._rows = [record for record in self._held if self.ring.sieve.passes(record)]
            self._go_to(_index(self._rows, number))

    def jump(self, words: Words, step: int) -> bool:
        """Go to the next line that holds ``words`` (``step`` 1) or the one before (-1); from the last to the first.

        Return whether there is one.
        """
        self.rest()
        if step > 0:
            self._hold_newer()
        assert self._top is not None
        start = self._start(step)
        count = len(self._rows)
        for distance in range(count):
            index = (start + step * distance) % count
            if words.found_in(self._rows[index]):
                self.hit = self._rows[index].number
                if not self._top <= index < self._top + self.height:
                    self._go_to(index - self.height // 2)
                return True
        return False

    def _start(self, step: int) -> int:
        """Return the index at which a jump begins to look."""
        assert self._top is not None
        if self.hit is None:
            return self._top if step > 0 else self._top + self.height - 1
        at = _index(self._rows, self.hit)
        here = at < len(self._rows) and self._rows[at].number == self.hit
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
        number = self._rows[self._top].number if self._rows else 0
        lost = 0 if seen is None else records[0].number - seen - 1
        self._hold()
        if lost > 0:
            gap = _gap(lost, self._held[0])
            self._held.insert(0, gap)
            self._rows.insert(0, gap)
        self._top = _index(self._rows, number)

    def _go_to(self, top: int) -> None:
        self._top = max(0, min(top, len(self._rows) - self.height))


def _index(rows: list[Record], number: int) -> int:
    """Return the index of a record, or of the next one that is there."""
    return bisect_left(rows, number, key=lambda record: record.number)


def _gap(lost: int, before: Record) -> Record:
    text = ngettext("{count} line went by meanwhile", "{count} lines went by meanwhile", lost).format(count=lost)
    return Record(before.number - 1, before.at_ms, Level.NOTICE, text, "")
