"""The phrase books of one worker: read from MariaDB, kept up with the base's changes, saved for the next reader.

A job says up to which change its base had come when it was handed out; the book reads up to that before it answers.
While MariaDB is down a saved book answers, with every change that Redis still tells of.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

import redis
from peewee import PeeweeException, fn

from db import codec, delta, keys
from db.base import Base
from db.errors import StorageUnavailable
from db.models import Answer
from db.state import StateDir
from engine.errors import BaseUnavailable
from engine.matching import snapshot
from engine.matching.book import AnswerRow, PhraseBook
from engine.matching.normalise import normalise
from engine.matching.renormalise import stale_above
from engine.sparing import Sparing

FRESH_S = 60  # age at which a saved book is not taken in place of MariaDB's rows
SPARE_S = 10  # a base that could not be read is not asked again by the next job
LOOK_EVERY_S = 30  # for changes that nobody told of: rows written by hand

log = logging.getLogger(__name__)


class Library:
    """Books by base. ``open_base`` gives the way into a base; errors of Redis pass through.

    ``open_hurried`` gives the same with a limit that talk can bear: it shows whether MariaDB answers at all, unless
    ``sparing`` knows that it did not a moment ago.
    """

    def __init__(
        self,
        client: redis.Redis,
        open_base: Callable[[str], Base],
        state: StateDir,
        sparing: Sparing | None = None,
        open_hurried: Callable[[str], Base] | None = None,
    ) -> None:
        self._redis = client
        self._open_base = open_base
        self._sparing = sparing or Sparing()
        self._open_hurried = open_hurried or open_base
        self._state = state
        self._books: dict[str, PhraseBook] = {}
        self._looked_at: dict[str, float] = {}
        self._spared_until: dict[str, float] = {}  # base -> when one that could not be read is asked for again

    def book(self, base: str, wanted: str) -> PhraseBook:
        """Return the book of ``base``, true at least up to the change ``wanted``. Raises ``BaseUnavailable``."""
        book = self._books.get(base)
        if book is None or (wanted == delta.START and book.position != delta.START):  # the base was made anew
            book = self._books[base] = self._first(base)
        elif wanted and _is_before(book.position, wanted) and not self._catch_up(base, book):
            book = self._books[base] = _first_of(lambda: self._read(base), lambda: self._saved(base)) or book
        return book

    def look_for_unknown_changes(self) -> None:
        """Read again those books whose table changed without a word; for idle moments. Never raises for MariaDB."""
        for base in list(self._books):
            if time.monotonic() - self._looked_at.get(base, 0.0) < LOOK_EVERY_S:
                continue
            self._looked_at[base] = time.monotonic()
            now = self._print(base)
            if now is not None and now != self._books[base].look:
                book = self._read(base)
                self._books[base] = self._books[base] if book is None else book

    def _first(self, base: str) -> PhraseBook:
        """Return a book to begin with: one saved a moment ago, else MariaDB's, else one saved long ago."""
        book = _first_of(lambda: self._saved(base, FRESH_S), lambda: self._read(base), lambda: self._saved(base))
        if book is None:
            raise BaseUnavailable(f"base {base}: MariaDB does not answer, and no saved answers are at hand")
        return book

    def _catch_up(self, base: str, book: PhraseBook) -> bool:
        """Apply what Redis tells of; False when that is not all."""
        changes = delta.read_since(self._redis, base, book.position)
        if changes is None:
            return False
        for position, change in changes:
            if change.op == "set":
                book.put(AnswerRow(change.id, change.rx_norm, change.tx, change.weight, change.bot_id))
            else:
                book.remove(change.id)
            book.position = position
        return True

    def _read(self, base: str) -> PhraseBook | None:
        """Return the book of MariaDB's rows and save it, or None when MariaDB does not answer."""
        started = time.monotonic()
        if started < self._spared_until.get(base, 0.0) or not self._sparing.may_ask():
            return None
        position = delta.position(self._redis, base)  # before the rows: a change told twice is harmless
        try:
            self._probe(base)
            with self._open_base(base).unit():
                look = _look()  # before the rows too: what comes between is found by the next look
                right_to = stale_above()  # before the rows as well: what is normalised between is so once more here
                book = PhraseBook((_row(right_to, *fields) for fields in _answers()), position, look)
        except (StorageUnavailable, PeeweeException) as error:
            log.warning("base not read base=%s error=%s", base, error)
            if not isinstance(error, StorageUnavailable):  # this base alone cannot be read: it is not made yet
                self._spared_until[base] = time.monotonic() + SPARE_S
            return None
        self._looked_at[base] = time.monotonic()
        snapshot.save(self._state.index(base), book, self._life(base))
        log.info("base read base=%s answers=%d took_ms=%d", base, len(book), (time.monotonic() - started) * 1000)
        return book

    def _saved(self, base: str, age_max_s: float | None = None) -> PhraseBook | None:
        """Return the saved book with the changes since, or None when there is none of this life of the base.

        With ``age_max_s`` one that cannot be brought up to date is none either; without, it is better than nothing.
        """
        book = snapshot.load(self._state.index(base), self._life(base), age_max_s)
        if book is not None and not self._catch_up(base, book) and age_max_s is not None:
            return None
        return book

    def _print(self, base: str) -> str | None:
        if not self._sparing.may_ask():
            return None
        try:
            self._probe(base)
            with self._open_base(base).unit():
                return _look()
        except (StorageUnavailable, PeeweeException):
            return None

    def _probe(self, base: str) -> None:
        """Touch the table in a hurry: a server that hangs, or a lock, is given up in time for whoever waits."""
        with self._open_hurried(base).unit():
            Answer.select(Answer.id).limit(1).get_or_none()

    def _life(self, base: str) -> str:
        """Return what tells this base from an earlier one of its name."""
        raw: Any = self._redis.hget(keys.BASES, base)
        return str(codec.loads(raw).get("journal", "")) if raw else ""


def _look() -> str:
    """Return what changes whenever a row does: the number of rows and their latest change."""
    query: Any = Answer.select(fn.COUNT(Answer.id), fn.MAX(Answer.updated)).tuples()
    return " ".join(str(value) for value in query.get())


def _answers() -> Any:
    query = Answer.select(Answer.id, Answer.rx, Answer.rx_norm, Answer.tx, Answer.weight, Answer.bot_id)
    return query.where(Answer.deleted.is_null()).tuples().iterator()


def _row(
    right_to: int | None, answer_id: int, rx: str, rx_norm: str | None, tx: str, weight: int, bot_id: int
) -> AnswerRow:
    """Return a row with its phrase. Above ``right_to`` the stored form may be an older normaliser's."""
    is_right = rx_norm is not None and (right_to is None or answer_id <= right_to)
    return AnswerRow(answer_id, rx_norm if is_right and rx_norm is not None else normalise(rx), tx, weight, bot_id)


def _is_before(position: str, wanted: str) -> bool:
    return _halves(position) < _halves(wanted)


def _halves(position: str) -> tuple[int, int]:
    first, _, second = position.partition("-")
    return int(first), int(second or 0)


def _first_of(*sources: Callable[[], PhraseBook | None]) -> PhraseBook | None:
    """Return the first book that a source gives. An empty book is one: a new base has no answers."""
    return next((book for source in sources if (book := source()) is not None), None)
