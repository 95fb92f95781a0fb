"""Phrases that no bot could answer: which there are, and what is known of each. Changes are in ``unsolved_edits``.

Each function is one unit of work of a base, and bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from db.base import Base
from db.errors import NotFound
from db.fields import from_ms
from db.models import EVERY_BOT, Answer, History, Network, Unsolved, UnsolvedStatus
from db.texts import _

ASKED_MAX = 5  # messages of the history that are shown with a phrase
KNOWN_MAX = 20  # answers that a phrase has by now


class State(StrEnum):
    """What people call the statuses of a phrase."""

    OPEN = "open"
    ANSWERED = "answered"
    REJECTED = "rejected"


STATUSES: dict[State, tuple[UnsolvedStatus, ...]] = {
    State.OPEN: (UnsolvedStatus.NEW, UnsolvedStatus.ASSIGNED, UnsolvedStatus.ANSWERED),  # the last is but a draft
    State.ANSWERED: (UnsolvedStatus.PUBLISHED,),
    State.REJECTED: (UnsolvedStatus.REJECTED,),
}
STATES = {status: state for state, statuses in STATUSES.items() for status in statuses}


@dataclass(frozen=True, slots=True)
class UnsolvedPhrase:
    """One phrase that waits for an answer of one bot, or did. ``editor`` is empty while it is open."""

    base: str
    id: int
    bot_id: int
    phrase: str
    rx_norm: str
    rx_hash: str
    times: int
    first_ms: int
    last_ms: int
    status: State
    editor: str
    edited_ms: int | None
    answer: str | None
    answer_id: int | None

    @property
    def name(self) -> str:
        """Return its id among all bases: ``main/12``."""
        return f"{self.base}/{self.id}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which phrases are meant: those of one state or of any, of one bot or of all."""

    state: State | None = State.OPEN
    bot_id: int | None = None


@dataclass(frozen=True, slots=True)
class KnownAnswer:
    """One answer that the base has."""

    id: int
    rx: str
    tx: str
    bot_id: int


@dataclass(frozen=True, slots=True)
class Asked:
    """One message of the history that asked a phrase."""

    at_ms: int
    account: str
    peer_id: int
    text: str


def count(base: Base, wanted: Wanted) -> int:
    """Return how many phrases there are."""
    return int(base.run(lambda: _matching(wanted).count()))


def newest(base: Base, wanted: Wanted, limit: int) -> list[tuple[int, int]]:
    """Return (last_ms, id) of phrases, the last asked first: enough to merge the lists of many bases."""

    def work() -> list[tuple[int, int]]:
        query = _matching(wanted, Unsolved.last_seen, Unsolved.id)
        rows: Any = query.order_by(Unsolved.last_seen.desc(), Unsolved.id.desc()).limit(limit).tuples()
        return [(_ms(last_seen), number) for last_seen, number in rows]

    return base.run(work)


def by_ids(base: Base, ids: Sequence[int]) -> dict[int, UnsolvedPhrase]:
    """Return phrases by id; those that are gone are left out."""
    if not ids:
        return {}
    return base.run(lambda: {row.id: phrase_of(base, row) for row in Unsolved.select().where(Unsolved.id.in_(ids))})


def find(base: Base, number: int) -> UnsolvedPhrase:
    """Return one phrase; ``NotFound`` when there is none of this id."""
    found = by_ids(base, [number]).get(number)
    if found is None:
        raise not_found(base, number)
    return found


def known_answers(base: Base, phrase: UnsolvedPhrase) -> list[KnownAnswer]:
    """Return what the bot would say to exactly this phrase by now, however the base came to it."""
    bots = (EVERY_BOT, phrase.bot_id)
    return _answers(base, lambda: (Answer.rx_hash == phrase.rx_hash, Answer.bot_id.in_(bots)))


def answers_by_ids(base: Base, ids: Sequence[int]) -> dict[int, KnownAnswer]:
    """Return at most 20 living answers by id."""
    return {item.id: item for item in _answers(base, lambda: (Answer.id.in_(ids),))} if ids else {}


def asked(base: Base, phrase: UnsolvedPhrase) -> list[Asked]:
    """Return who first and last asked this, newest first. The history is indexed by time, not by phrase, so that
    these two moments are what can be found quickly; a message of another phrase in the same millisecond comes along.
    """

    def work() -> list[Asked]:
        moments = [from_ms(phrase.last_ms), from_ms(phrase.first_ms)]
        query = History.select().where(History.time.in_(moments), History.bot_id == phrase.bot_id)
        rows = query.where(History.answer_id.is_null()).order_by(History.time.desc()).limit(ASKED_MAX)
        return [Asked(_ms(row.time), row.account_id, row.peer_id, row.rx) for row in rows]

    return base.run(work)


def _matching(wanted: Wanted, *columns: Any) -> Any:
    query = Unsolved.select(*columns)
    if wanted.bot_id is not None:
        query = query.where(Unsolved.bot_id == wanted.bot_id)
    if wanted.state is not None:
        query = query.where(Unsolved.status.in_(list(STATUSES[wanted.state])))
    return query


def _answers(base: Base, conditions: Callable[[], tuple[Any, ...]]) -> list[KnownAnswer]:
    def work() -> list[KnownAnswer]:
        rows = Answer.select().where(*conditions(), Answer.deleted.is_null()).order_by(Answer.id).limit(KNOWN_MAX)
        return [KnownAnswer(row.id, row.rx, row.tx, row.bot_id) for row in rows]

    return base.run(work)


def not_found(base: Base, number: int) -> NotFound:
    """Return the error for an id that nothing has."""
    return NotFound(_("there is no phrase {id}; see: salo unsolved list").format(id=f"{base.name}/{number}"))


def phrase_of(base: Base, row: Any) -> UnsolvedPhrase:
    """Return a row of ``unsolved`` as a value."""
    editor = row.editor_id or ""
    return UnsolvedPhrase(
        base=base.name,
        id=row.id,
        bot_id=row.bot_id,
        phrase=row.rx,
        rx_norm=row.rx_norm,
        rx_hash=row.rx_hash,
        times=row.times,
        first_ms=_ms(row.first_seen),
        last_ms=_ms(row.last_seen),
        status=STATES[row.status],
        editor=f"vk:{editor}" if editor and row.editor_network_id == Network.VK else editor,
        edited_ms=None if row.edited is None else _ms(row.edited),
        answer=row.answer,
        answer_id=row.answer_id,
    )


def _ms(moment: datetime) -> int:
    """Return a time of the base as milliseconds since 1970."""
    return round(moment.replace(tzinfo=UTC).timestamp() * 1000)
