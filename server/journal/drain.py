"""Drains the journal of one base into MariaDB: each entry exactly once, in order, in batches.

A batch's transaction also stores the id of its last entry. Whoever writes first locks that row, so that a writer
that died after its commit, or that only seemed dead, repeats nothing: its successor skips what is in. A batch that
fails for its data is halved until the bad entry is alone; of that one the good rows are written, the bad ones buried.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import redis

from db import codec, keys
from db.base import Base
from db.errors import StorageUnavailable
from db.maria_errors import is_bad_data, is_surroundings
from db.models import JournalApplied
from db.scripts import Argument, Script
from server.journal.rows import BadRow, parse_row, raw_rows
from server.journal.tables import write_rows

ENTRIES_MAX = 100  # of a batch
BYTES_MAX = 4 << 20  # of a batch: far below MariaDB's max_allowed_packet, which a statement must fit
DOUBT_AFTER = 5  # failures of a kind we do not know, after which the data is blamed
REASON_MAX = 500

_BURY = Script("journal_bury")
log = logging.getLogger(__name__)

EntryId = tuple[int, int]


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One entry of the stream."""

    id: EntryId
    fields: Mapping[bytes, bytes]

    @property
    def name(self) -> str:
        return f"{self.id[0]}-{self.id[1]}"


def is_passing(error: Exception) -> bool:
    """Whether the servers are to blame, so that the same data may fare better later."""
    return isinstance(error, (StorageUnavailable, redis.RedisError, OSError)) or is_surroundings(error)


class Drain:
    """One base's journal. ``journal`` names this life of the stream. Used by one thread at a time."""

    def __init__(self, base: Base, journal: str, client: redis.Redis) -> None:
        self._base = base
        self._journal = journal
        self._redis = client
        self._doubts = 0  # failures in a row of a kind we do not know

    def drain_batch(self) -> int:
        """Write the oldest entries and return how many there were; 0 when the journal is empty.

        When MariaDB or Redis cannot take them now, the error passes through; nothing is lost, call again later.
        """
        entries = self._read()
        if not entries:
            return 0
        try:
            self._settle(entries)
        except Exception as error:
            self._doubts += not is_passing(error)
            raise
        self._doubts = 0
        return len(entries)

    def _read(self) -> list[JournalEntry]:
        """Return the oldest entries, within both bounds of a batch, but at least one."""
        found: Any = self._redis.xrange(keys.journal(self._base.name), count=ENTRIES_MAX)
        batch: list[JournalEntry] = []
        size = 0
        for raw_id, fields in found:
            size += sum(map(len, fields.values()))
            if batch and size > BYTES_MAX:
                break
            first, _dash, second = raw_id.partition(b"-")
            batch.append(JournalEntry((int(first), int(second)), fields))
        return batch

    def _settle(self, entries: Sequence[JournalEntry]) -> None:
        """Write a batch, or its halves in their order when its data is to blame."""
        try:
            self._write(entries)
        except Exception as error:
            if not self._is_for_data(error):
                raise
            if len(entries) == 1:
                self._write_good_rows(entries[0])
            else:
                middle = len(entries) // 2
                self._settle(entries[:middle])
                self._settle(entries[middle:])
            return
        self._forget(entries)

    def _write(self, entries: Sequence[JournalEntry]) -> None:
        parsed = [(entry, [parse_row(raw) for raw in raw_rows(entry.fields)]) for entry in entries]
        with self._base.unit():
            last = self._last_applied()
            rows = [row for entry, found in parsed if entry.id > last for row in found if row is not None]
            write_rows(rows)
            self._note(max(last, entries[-1].id))

    def _write_good_rows(self, entry: JournalEntry) -> None:
        """Write what can be written of one entry and bury the rest, before the commit: a repeat buries nothing."""
        with self._base.unit():
            if entry.id > self._last_applied():
                for number, raw in enumerate(self._rows_or_bury(entry)):
                    try:
                        with self._base.unit():
                            row = parse_row(raw)
                            write_rows([row] if row is not None else [])
                    except Exception as error:
                        if not self._is_for_data(error):
                            raise
                        self._bury(entry, number, codec.dumps(raw), error)
                self._note(entry.id)
        self._forget([entry])

    def _rows_or_bury(self, entry: JournalEntry) -> list[Any]:
        try:
            return raw_rows(entry.fields)
        except BadRow as error:
            self._bury(entry, 0, entry.fields.get(b"ops", b""), error)
            return []

    def _is_for_data(self, error: Exception) -> bool:
        """Whether the data is to blame. An error we do not know is waited out first, then it is: it must not block."""
        if is_passing(error):
            return False
        return isinstance(error, BadRow) or is_bad_data(error) or self._doubts >= DOUBT_AFTER

    def _last_applied(self) -> EntryId:
        """Return the last entry that is in, and hold its row until the transaction ends."""
        mine = JournalApplied.select().where(JournalApplied.journal == self._journal).for_update()
        row = mine.get_or_none()
        if row is None:
            JournalApplied.insert(journal=self._journal).on_conflict_ignore().execute()
            row = mine.clone().get()
        return row.last_ms, row.last_seq

    def _note(self, last: EntryId) -> None:
        JournalApplied.update(last_ms=last[0], last_seq=last[1]).where(
            JournalApplied.journal == self._journal
        ).execute()

    def _forget(self, entries: Sequence[JournalEntry]) -> None:
        """Take entries that are in out of the stream. If we die before it, the next reader skips them."""
        self._redis.xdel(keys.journal(self._base.name), *[entry.name for entry in entries])

    def _bury(self, entry: JournalEntry, number: int, raw: bytes, error: Exception) -> None:
        name = self._base.name
        reason = f"journal of base {name}: {type(error).__name__}: {error}"[:REASON_MAX]
        letter: dict[str, Argument] = {
            "bot": "",
            "base": name,
            "t": "journal",
            "entry": entry.name,
            "attempts": 1,
            "reason": reason,
            "e": raw,
        }
        flat: list[Argument] = [word for pair in letter.items() for word in pair]
        if _BURY.run(self._redis, [keys.journal_buried(name), keys.DEAD], [entry.name, number, *flat]):
            log.warning("journal row buried base=%s entry=%s row=%d reason=%s", name, entry.name, number, reason)
