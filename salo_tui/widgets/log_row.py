"""How one log line looks: its time, level and source in columns that stand, then its text, shifted or folded."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style

from salo_tui.widgets.cells import Window, window
from salo_tui.widgets.clock import clock, clock_ms
from salo_tui.widgets.reader import unfolded
from salo_tui.widgets.ring import Level, Record, Words
from salo_tui.widgets.wrap import Fold, folds

WIDE = 98  # cells in the frame of a pane of 100: room for milliseconds and the level's word
SOURCE_CELLS = 12
TEXT_CELLS_MIN = 10  # of a text that is folded: in a narrower column it is not
INDENT_CELLS = 2
PARTS = ("frame", "status", "text", "time", "source", "hit", "current", *(level.name.lower() for level in Level))
# A level is told by its symbol, its word (or the letter of it) and its colour: no one of them alone.
LOOKS = {
    Level.DEBUG: ("·", "D", "debug"),
    Level.INFO: (" ", "I", "info"),
    Level.UNSOLVED: ("?", "?", "open"),
    Level.WARNING: ("!", "W", "warn"),
    Level.ERROR: ("×", "E", "error"),
    Level.NOTICE: ("-", "-", "note"),
}


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of all rows of one pane, and whether a text that is too long for them is folded below itself."""

    width: int = 0
    shift: int = 0  # cells of the text left of the window; a folded text is never shifted
    sources: bool = True
    times: bool = True
    wraps: bool = False

    def folds(self, record: Record) -> list[Fold]:
        """Return the spans of the text in the rows that a line takes."""
        if not self._folded:
            return unfolded(record)
        return folds(record.text, self.width - self._columns_cells, self.width - self._indent)

    def segments(
        self, record: Record, fold: Fold, wanted: Words | None, marked: str, style: Callable[[str], Style]
    ) -> list[Segment]:
        """Return the row of a line that shows ``fold``, exactly ``width`` cells of it.

        ``marked`` is the style of what is searched. Neighbours of one style are one segment: each costs some forty
        bytes on the line to the terminal.
        """
        runs = groupby(self._pieces(record, fold, wanted, marked, style), key=lambda piece: piece[0])
        return [Segment("".join(text for _style, text in pieces), its_style) for its_style, pieces in runs]

    def _pieces(
        self, record: Record, fold: Fold, wanted: Words | None, marked: str, style: Callable[[str], Style]
    ) -> Iterator[tuple[Style, str]]:
        rest = self.width
        level = record.level.name.lower()
        plain = style(level if record.level >= Level.ERROR else "text")
        if fold[0]:
            yield plain, " " * self._indent
            rest -= self._indent
        else:
            for part, text in self._columns(record):
                seen = window(text, 0, rest)
                for start, end, is_hit in _marks(text, 0, seen.last, _sought(part, wanted)):
                    if start < end:
                        yield style(marked if is_hit else part or level), text[start:end]
                rest = seen.after
        seen = self._window(record.text, fold, rest)
        yield plain, " " * seen.before
        for start, end, is_hit in _marks(record.text, seen.first, seen.last, wanted.words if wanted else ()):
            if start < end:
                yield style(marked) if is_hit else plain, record.text[start:end]
        yield plain, " " * seen.after

    def _window(self, text: str, fold: Fold, rest: int) -> Window:
        if not self._folded:
            return window(text, self.shift, rest)
        return Window(*fold, 0, rest - cell_len(text[slice(*fold)]))

    @property
    def _folded(self) -> bool:
        return self.wraps and self.width - self._columns_cells >= TEXT_CELLS_MIN

    @property
    def _indent(self) -> int:
        """Return where folded text goes on: below its beginning, unless that leaves it less than half of the row."""
        cells = self._columns_cells
        return cells if cells * 2 <= self.width else INDENT_CELLS

    @property
    def _columns_cells(self) -> int:
        wide = self.width >= WIDE
        time_cells = (13 if wide else 9) if self.times else 0
        return time_cells + (8 if wide else 2) + (SOURCE_CELLS + 1 if self.sources else 0)

    def plain(self, record: Record) -> str:
        """Return a whole line, as it goes into a file."""
        symbol, _letter, word = LOOKS[record.level]
        return f"{clock_ms(record.at_ms)} {symbol} {word:5} {record.source} {record.text}"

    def _columns(self, record: Record) -> Iterator[tuple[str, str]]:
        """Yield the parts before the text; an empty name stands for the level's own style."""
        symbol, letter, word = LOOKS[record.level]
        wide = self.width >= WIDE
        if self.times:
            yield "time", (clock_ms if wide else clock)(record.at_ms) + " "
        yield "", f"{symbol} {word:5} " if wide else f"{letter} "
        if self.sources:
            seen = window(record.source, 0, SOURCE_CELLS)
            yield "source", record.source[: seen.last] + " " * (seen.after + 1)


def _sought(part: str, wanted: Words | None) -> tuple[str, ...]:
    """Return the words that are looked for in a column."""
    if wanted is None:
        return ()
    return {"source": wanted.words if wanted.sources else (), "time": wanted.clocks if wanted.times else ()}.get(
        part, ()
    )


def _marks(text: str, first: int, last: int, words: tuple[str, ...]) -> Iterator[tuple[int, int, bool]]:
    """Yield the spans of ``text[first:last]``, each with whether it is searched for."""
    at = first
    for match in _pattern(words).finditer(text) if words else ():
        start, end = max(match.start(), at), min(match.end(), last)
        if start < end:
            yield at, start, False
            yield start, end, True
            at = end
    yield at, last, False


@lru_cache(16)
def _pattern(words: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, words)), re.IGNORECASE)
