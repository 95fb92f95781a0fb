"""The rows of a table: all of them, or of a long list the pages that were looked at. Knows no screen."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

PAGE_ROWS = 100
KEPT_MAX = 20 * PAGE_ROWS  # of a list that comes by page; the pages farthest from the last look go first


class Cell(NamedTuple):
    """A text and how it is meant: ``good``, ``warn``, ``bad``, ``dim`` or nothing."""

    text: str
    tone: str = ""


class Row(NamedTuple):
    """One row: what identifies it, and a cell or a plain text for each column."""

    id: str
    cells: tuple[Cell | str, ...]


class Rows:
    """Rows by place and by id. Those of a page that is not there yet are ``None``."""

    def __init__(self) -> None:
        self._rows: dict[int, Row] = {}
        self._places: dict[str, int] = {}
        self._length = 0
        self._paged = False

    def __len__(self) -> int:
        return self._length

    @property
    def is_paged(self) -> bool:
        return self._paged

    def replace(self, rows: Iterable[Row]) -> None:
        """Take these rows for the whole list."""
        self._rows = dict(enumerate(rows))
        self._places = {row.id: place for place, row in self._rows.items()}
        self._length, self._paged = len(self._rows), False

    def resize(self, length: int) -> None:
        """Say how long a list is whose rows come by page. Pages that are there stay until they are replaced."""
        self._paged, self._length = True, length
        for place in [place for place in self._rows if place >= length]:
            self._forget(place)

    def restart(self, length: int) -> None:
        """Begin a long list anew, without any of its rows."""
        self._rows, self._places = {}, {}
        self._paged, self._length = True, length

    def put(self, first: int, rows: Iterable[Row], near: int) -> None:
        """Add rows from the place ``first`` on; ``near`` is the place that is looked at."""
        for place, row in enumerate(rows, first):
            if place < self._length:
                self._forget(place)
                if row.id in self._places:
                    self._forget(self._places[row.id])
                self._rows[place], self._places[row.id] = row, place
        if len(self._rows) > KEPT_MAX:
            for place in sorted(self._rows, key=lambda place: abs(place - near))[KEPT_MAX:]:
                self._forget(place)

    def change(self, row: Row) -> bool:
        """Put a row in the place of the one with the same id, and return whether there is one."""
        place = self._places.get(row.id)
        if place is None:
            return False
        self._rows[place] = row
        return True

    def at(self, place: int) -> Row | None:
        return self._rows.get(place)

    def place_of(self, row_id: str) -> int | None:
        return self._places.get(row_id)

    def ids(self) -> Iterable[str]:
        """Return the ids of all rows that are there, in their order."""
        return (self._rows[place].id for place in sorted(self._rows))

    def places(self) -> list[int]:
        """Return the places of all rows that are there, in their order."""
        return sorted(self._rows)

    def missing(self, first: int, count: int) -> list[int]:
        """Return the first places of the pages that some of ``count`` rows from ``first`` on lack."""
        places = range(max(first, 0), min(first + count, self._length))
        return sorted({place // PAGE_ROWS * PAGE_ROWS for place in places if place not in self._rows})

    def _forget(self, place: int) -> None:
        row = self._rows.pop(place, None)
        if row is not None and self._places.get(row.id) == place:
            del self._places[row.id]
