"""Gives rows their new forms where a unique index forbids that two of one identity stand beside each other.

An identity is what the index holds: phrase and, of answers, text and bot. Rows that change leave their old place first;
then each identity gets its row. Rows that became the same are merged: one is kept, the others are set aside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from peewee import Model

from db.fields import utc_now
from db.models import Answer, Unsolved, UnsolvedStatus
from engine.matching.normalise import normalise, phrase_hash

FORM_MAX = 65_535  # bytes of a TEXT column; a longer form is that of no phrase

Identity = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table with phrases. ``merge`` writes a kept row with its form, and sets the others aside."""

    name: str
    model: type[Model]
    columns: tuple[Any, ...]
    owner: Callable[[Any], Identity]  # the rest of a row's identity, beside the phrase
    park: Callable[[Any, bool], None]
    merge: Callable[[Any, Sequence[Any], str, str, bool], None]
    rank: Callable[[Any], Any]  # of rows of one identity the lowest is kept

    def rows(self) -> Any:
        return self.model.select(*self.columns)

    def identity(self, row: Any, rx_hash: str) -> Identity:
        return (rx_hash, *self.owner(row))


@dataclass(slots=True)
class Reformed:
    """What was done: ids of rows that got a new form and stand, and of those set aside."""

    kept: list[int] = field(default_factory=list)
    lost: list[int] = field(default_factory=list)

    @property
    def count(self) -> int:
        return len(self.kept) + len(self.lost)


@dataclass(frozen=True, slots=True)
class _Fresh:
    row: Any
    rx_norm: str
    rx_hash: str

    @property
    def is_new(self) -> bool:
        return (self.rx_norm, self.rx_hash) != (self.row.rx_norm, self.row.rx_hash)


def reform(table: Table, rows: Iterable[Any], *, is_told: bool = False) -> Reformed:
    """Give ``rows`` (locked, in a unit) their forms and return what changed.

    ``is_told``: the change counts as one of the answers, which workers find by ``updated``; else it is left as it is.
    """
    moving = {fresh.row.id: fresh for fresh in map(_fresh, rows) if fresh.is_new}
    settled = _make_way(table, moving)
    for fresh in moving.values():
        table.park(fresh.row, is_told)
    places: dict[Identity, list[_Fresh]] = {}
    for fresh in (*moving.values(), *settled):
        places.setdefault(table.identity(fresh.row, fresh.rx_hash), []).append(fresh)
    done = Reformed()
    for here in places.values():
        here.sort(key=lambda fresh: table.rank(fresh.row))
        first, *others = here
        table.merge(first.row, [fresh.row for fresh in others], first.rx_norm, first.rx_hash, is_told)
        done.kept.append(first.row.id)
        done.lost.extend(fresh.row.id for fresh in others)
    return done


def _make_way(table: Table, moving: dict[int, _Fresh]) -> list[_Fresh]:
    """Return the rows that stand, rightly, where others move to. Those that are to move themselves join ``moving``."""
    settled: dict[int, _Fresh] = {}
    unasked = list(moving.values())
    while unasked:
        wanted = {table.identity(fresh.row, fresh.rx_hash) for fresh in unasked}
        hashes = sorted({fresh.rx_hash for fresh in unasked})
        model: Any = table.model
        standing = [
            _fresh(row)
            for row in table.rows().where(model.rx_hash.in_(hashes)).order_by(model.id).for_update()
            if table.identity(row, row.rx_hash) in wanted and row.id not in moving
        ]
        settled |= {fresh.row.id: fresh for fresh in standing if not fresh.is_new}
        unasked = [fresh for fresh in standing if fresh.is_new]
        moving |= {fresh.row.id: fresh for fresh in unasked}
    return list(settled.values())


def _fresh(row: Any) -> _Fresh:
    form = normalise(row.rx)
    if len(form.encode("utf-8", "replace")) > FORM_MAX:
        form = ""
    return _Fresh(row, form, phrase_hash(form))


def _untouched(is_told: bool) -> dict[Any, Any]:
    """Return what keeps MariaDB from dating a change of answers."""
    return {} if is_told else {Answer.updated: Answer.updated}


def _park_answer(row: Any, is_told: bool) -> None:
    if row.rx_hash is not None:
        Answer.update({Answer.rx_hash: None, **_untouched(is_told)}).where(Answer.id == row.id).execute()


def _merge_answers(kept: Any, others: Sequence[Any], rx_norm: str, rx_hash: str, is_told: bool) -> None:
    """Keep the oldest of those that are said, with the weight that was given last; the others are deleted.

    Those have no hash any more: the index holds deleted rows, too.
    """
    for row in others:
        values = {Answer.rx_norm: rx_norm, Answer.rx_hash: None, Answer.deleted: row.deleted or utc_now()}
        Answer.update({**values, **_untouched(is_told)}).where(Answer.id == row.id).execute()
        Unsolved.update(answer_id=kept.id).where(Unsolved.answer_id == row.id).execute()
    said = [row for row in (kept, *others) if row.deleted is None]
    weight = max(said, key=lambda row: (row.updated, row.id)).weight if said else kept.weight
    values = {Answer.rx_norm: rx_norm, Answer.rx_hash: rx_hash, Answer.weight: weight}
    Answer.update({**values, **_untouched(is_told)}).where(Answer.id == kept.id).execute()


def _park_unsolved(row: Any, is_told: bool) -> None:
    Unsolved.update(rx_hash=f"moves {row.id}").where(Unsolved.id == row.id).execute()  # no hash has a space


def _merge_unsolved(kept: Any, others: Sequence[Any], rx_norm: str, rx_hash: str, is_told: bool) -> None:
    """Keep the one that somebody decided on, else the oldest; it was said as often as all of them."""
    rows = (kept, *others)
    if others:
        Unsolved.delete().where(Unsolved.id.in_([row.id for row in others])).execute()
    Unsolved.update(
        rx_norm=rx_norm,
        rx_hash=rx_hash,
        times=sum(row.times for row in rows),
        first_seen=min(row.first_seen for row in rows),
        last_seen=max(row.last_seen for row in rows),
    ).where(Unsolved.id == kept.id).execute()


ANSWERS = Table(
    "answers",
    Answer,
    (Answer.id, Answer.rx, Answer.rx_norm, Answer.rx_hash, Answer.tx_hash, Answer.bot_id, Answer.weight,
     Answer.updated, Answer.deleted),
    owner=lambda row: (bytes(row.tx_hash), row.bot_id),
    park=_park_answer,
    merge=_merge_answers,
    rank=lambda row: (row.deleted is not None, row.id),
)  # fmt: skip
UNSOLVED = Table(
    "unsolved",
    Unsolved,
    (Unsolved.id, Unsolved.rx, Unsolved.rx_norm, Unsolved.rx_hash, Unsolved.bot_id, Unsolved.times,
     Unsolved.first_seen, Unsolved.last_seen, Unsolved.status),
    owner=lambda row: (row.bot_id,),
    park=_park_unsolved,
    merge=_merge_unsolved,
    rank=lambda row: (row.status == UnsolvedStatus.NEW, row.id),
)  # fmt: skip
