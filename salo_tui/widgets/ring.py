"""The last lines of a log: kept, sieved and searched. Knows nothing of screens; what is too old goes."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from salo_tui.widgets.cells import printable
from salo_tui.widgets.clock import clock_ms

LINES_MAX = 5000
WORDS_MAX = 200  # characters of a filter or a search
_CLOCK = re.compile(r"[\d:. ]*:[\d:. ]*")


class Level(IntEnum):
    """How much a line asks of the operator, from nothing on. ``UNSOLVED`` is a phrase without an answer."""

    DEBUG = 10
    INFO = 20
    UNSOLVED = 25
    WARNING = 30
    ERROR = 40
    NOTICE = 90  # a word of the pane itself: no filter hides it


class LogLine(NamedTuple):
    """One line as it came. ``at_ms`` is Unix time."""

    at_ms: int
    level: Level
    text: str
    source: str = ""


class Record(NamedTuple):
    """One line that is kept, printable. Numbers count all lines that ever came, from 0."""

    number: int
    at_ms: int
    level: Level
    text: str
    source: str


@dataclass(frozen=True, slots=True)
class Words:
    """What is looked for in lines: any of some words, in whatever case. No pattern, so that no search takes long.

    Words are looked for in the text, and in the columns that are shown: in that of the source, and those that read
    like a time (``02:07``) in that of the time. Other numbers are not: nearly every line has them in its time.
    """

    shown: str
    words: tuple[str, ...]
    sources: bool = False
    times: bool = False
    clocks: tuple[str, ...] = ()  # those of the words that read like a time

    @classmethod
    def parse(cls, text: str, *, sources: bool = False, times: bool = False) -> Words | None:
        """Return the words of ``err|queue``, or None when there are none."""
        words = tuple(word.lower() for word in printable(text[:WORDS_MAX]).split("|") if word.strip())
        clocks = tuple(filter(_CLOCK.fullmatch, words))
        return cls("|".join(words), words, sources, times, clocks) if words else None

    def found_in(self, record: Record) -> bool:
        text, source = record.text.lower(), record.source.lower() if self.sources else ""
        for word in self.words:
            if word in text or word in source:
                return True
        return self.times and any(word in clock_ms(record.at_ms) for word in self.clocks)


@dataclass(frozen=True, slots=True)
class Sieve:
    """Which lines are shown."""

    level: Level = Level.DEBUG
    words: Words | None = None
    inverted: bool = False  # show what does not hold the words
    sources: frozenset[str] | None = None  # None = all

    def passes(self, record: Record) -> bool:
        if record.level is Level.NOTICE:
            return True
        if record.level < self.level or (self.sources is not None and record.source not in self.sources):
            return False
        return self.words is None or self.words.found_in(record) is not self.inverted


class Ring:
    """The last ``lines_max`` lines, with those among them that the sieve shows and the search finds, always up to date.

    Adding a line costs the same however many are kept.
    """

    def __init__(self, lines_max: int = LINES_MAX) -> None:
        self.lines_max = lines_max
        self.total = 0  # lines that ever came
        self.sieve = Sieve()
        self.wanted: Words | None = None
        self.records: deque[Record] = deque()
        self.shown: deque[Record] = deque()
        self._hits: deque[int] = deque()

    def append(self, line: LogLine) -> None:
        """Keep one line; when there are too many, the oldest goes."""
        at_ms, level, text, source = line
        record = Record(self.total, at_ms, level, printable(text), printable(source))
        self.total += 1
        if len(self.records) >= self.lines_max:
            self._drop_oldest()
        self.records.append(record)
        self._sort_in(record)

    def extend(self, lines: Iterable[LogLine]) -> None:
        for line in lines:
            self.append(line)

    def clear(self) -> None:
        """Forget all lines; numbers go on."""
        for kept in (self.records, self.shown, self._hits):
            kept.clear()

    def set_sieve(self, sieve: Sieve) -> None:
        self.sieve = sieve
        self._sort_again()

    def set_wanted(self, wanted: Words | None) -> None:
        self.wanted = wanted
        self._sort_again()

    @property
    def hits(self) -> int:
        """How many of the shown lines hold what is searched."""
        return len(self._hits)

    def newer_than(self, number: int) -> int:
        """Return how many shown lines came after a record. Costs as many steps, so ask seldom."""
        return sum(1 for _ in self._newer(number))

    def _newer(self, number: int) -> Iterator[Record]:
        for record in reversed(self.shown):
            if record.number <= number:
                return
            yield record

    def _sort_in(self, record: Record) -> None:
        if self.sieve.passes(record):
            self.shown.append(record)
            if self.wanted is not None and self.wanted.found_in(record):
                self._hits.append(record.number)

    def _sort_again(self) -> None:
        self.shown.clear()
        self._hits.clear()
        for record in self.records:
            self._sort_in(record)

    def _drop_oldest(self) -> None:
        oldest = self.records.popleft()
        if self.shown and self.shown[0] is oldest:
            self.shown.popleft()
        if self._hits and self._hits[0] == oldest.number:
            self._hits.popleft()
