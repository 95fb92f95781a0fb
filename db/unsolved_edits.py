"""What moderators make of a phrase without an answer: answer it, reject it, let it wait again.

Each function is one unit of work of a base; two people who decide on one phrase never overwrite each other. Workers
hear of it when the ``Change`` is published, which is left to the caller, after the commit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from peewee import fn

from db.base import Base
from db.delta import Change
from db.errors import Refused
from db.fields import utc_now
from db.models import EVERY_BOT, Answer, Network, Unsolved, UnsolvedStatus
from db.texts import _
from db.unsolved import STATES, State, UnsolvedPhrase, not_found, phrase_of

_SHOWN_MAX = 200  # letters of somebody's answer in a refusal


@dataclass(frozen=True, slots=True)
class Editor:
    """Who decides: their account on a network, and how the audit calls them."""

    id: str
    network: Network
    who: str


@dataclass(frozen=True, slots=True)
class Edited:
    """A phrase as it is now, what workers are to be told, and how many other bots' same phrases went along."""

    phrase: UnsolvedPhrase
    change: Change | None = None
    others: int = 0
    taken_back: str = ""  # the answer that is said no more


def answer(base: Base, phrase: UnsolvedPhrase, tx: str, editor: Editor, *, own: bool = False) -> Edited:
    """Give an open phrase its answer, for every bot on the base or, with ``own``, for the bot that was asked.

    An answer for every bot also closes the same phrase of the other bots. ``Refused`` tells who was faster; the
    same answer by the same editor is no second one, so that a repeat can tell the workers again.
    """

    def work() -> Edited:
        rows = _locked(phrase)
        row = _one(base, rows, phrase)
        bot_id = row.bot_id if own else EVERY_BOT
        stored = _given_before(row, tx, bot_id, editor)
        others: list[int] = []
        if stored is None:
            _require_open(base, row)
            stored = _publish(row, tx, bot_id, editor)
            others = [] if own else [item.id for item in rows if item.id != row.id and _is_open(item)]
            _close([row.id, *others], UnsolvedStatus.PUBLISHED, editor, answer=tx, answer_id=stored.id)
        change = Change("set", stored.id, row.rx_norm, stored.tx, stored.weight, stored.bot_id)
        return Edited(_fresh(base, row), change, len(others))

    return base.run(work)


def reject(base: Base, phrase: UnsolvedPhrase, editor: Editor) -> Edited:
    """Set an open phrase aside: nobody will answer it. ``Refused`` tells what somebody else made of it."""

    def work() -> Edited:
        row = _one(base, _locked(phrase), phrase)
        if not (row.status == UnsolvedStatus.REJECTED and _is_by(row, editor)):
            _require_open(base, row)
            _close([row.id], UnsolvedStatus.REJECTED, editor)
        return Edited(_fresh(base, row))

    return base.run(work)


def reopen(base: Base, phrase: UnsolvedPhrase, *, own: bool = False) -> Edited:
    """Let a phrase wait again; an answer that it was published with is taken back, for all whom it was given to.

    ``Refused`` when it waits already, and with ``own`` when the answer is for every bot.
    """
    tried: list[Edited] = []  # by a try whose commit was not answered

    def work() -> Edited:
        rows = _locked(phrase)
        row = _one(base, rows, phrase)
        if _is_open(row):
            if not tried:
                raise Refused(_("{id} is open already").format(id=phrase.name))
            return tried[-1]
        stored = _stored_answer(row.answer_id)
        if own and stored is not None and stored.bot_id == EVERY_BOT:
            text = _("the answer to {id} is for every bot on the base; only an operator can take it back")
            raise Refused(text.format(id=phrase.name))
        same = [item.id for item in rows if item.id == row.id or (stored and item.answer_id == stored.id)]
        _take_back(same, stored)
        change = None if stored is None else Change("del", stored.id)
        tried.append(Edited(_fresh(base, row), change, len(same) - 1, row.answer or ""))
        return tried[-1]

    return base.run(work)


def _locked(phrase: UnsolvedPhrase) -> list[Any]:
    """Lock the phrase and the same phrase of other bots, always in one order; nobody else decides meanwhile."""
    query = Unsolved.select().where(Unsolved.rx_hash == phrase.rx_hash).order_by(Unsolved.bot_id)
    return list(query.for_update())


def _one(base: Base, rows: Sequence[Any], phrase: UnsolvedPhrase) -> Any:
    row = next((row for row in rows if row.id == phrase.id), None)
    if row is None:
        raise not_found(base, phrase.id)
    return row


def _fresh(base: Base, row: Any) -> UnsolvedPhrase:
    return phrase_of(base, Unsolved.get_by_id(row.id))


def _is_open(row: Any) -> bool:
    return STATES[row.status] is State.OPEN


def _is_by(row: Any, editor: Editor) -> bool:
    return bool(row.editor_id == editor.id and row.editor_network_id == editor.network)


def _given_before(row: Any, tx: str, bot_id: int, editor: Editor) -> Any:
    """Return the answer's row when this editor gave this very answer already, or ``None``."""
    if row.status != UnsolvedStatus.PUBLISHED or row.answer != tx or not _is_by(row, editor):
        return None
    stored = _stored_answer(row.answer_id)
    return stored if stored is not None and stored.deleted is None and stored.bot_id == bot_id else None


def _require_open(base: Base, row: Any) -> None:
    """Raise ``Refused`` that tells who decided on this phrase before, when, and what."""
    if _is_open(row):
        return
    phrase = phrase_of(base, row)
    text = (
        _("{id} was answered by {editor} on {when}: “{answer}”; to take that back: unsolved reopen {id}")
        if phrase.status is State.ANSWERED
        else _("{id} was rejected by {editor} on {when}; to take that back: unsolved reopen {id}")
    )
    when = "--" if row.edited is None else f"{row.edited.replace(tzinfo=UTC).astimezone():%Y-%m-%d %H:%M:%S}"
    said = (phrase.answer or "")[:_SHOWN_MAX]
    raise Refused(text.format(id=phrase.name, editor=phrase.editor or "--", when=when, answer=said))


def _publish(row: Any, tx: str, bot_id: int, editor: Editor) -> Any:
    """Add the answer to the base, or bring back the one that is there; return its row."""
    now = utc_now()
    phrase = {"rx": row.rx, "rx_norm": row.rx_norm, "rx_hash": row.rx_hash, "bot_id": bot_id}
    author = fn.IF(Answer.deleted.is_null(), Answer.author, fn.VALUES(Answer.author))
    Answer.insert(**phrase, tx=tx, author=editor.who, created=now, updated=now).on_conflict(
        update={Answer.author: author, Answer.deleted: None, Answer.updated: now}
    ).execute()
    same = (Answer.rx_hash == row.rx_hash, Answer.bot_id == bot_id, Answer.tx_hash == fn.UNHEX(fn.MD5(tx)))
    return Answer.get(*same)


def _stored_answer(answer_id: int | None) -> Any:
    """Return a row of ``answers``; ``None`` when there is none, or somebody removed it by hand."""
    return None if answer_id is None else Answer.get_or_none(Answer.id == answer_id)


def _close(ids: Sequence[int], status: UnsolvedStatus, editor: Editor, **more: Any) -> None:
    by = {"editor_id": editor.id, "editor_network_id": editor.network, "edited": utc_now()}
    Unsolved.update(status=status, **by, **more).where(Unsolved.id.in_(ids)).execute()


def _take_back(ids: Sequence[int], stored: Any) -> None:
    if stored is not None:
        now = utc_now()  # ``updated`` too: by it workers find a change that nobody could tell them of
        Answer.update(deleted=now, updated=now).where(Answer.id == stored.id, Answer.deleted.is_null()).execute()
    nobody = {"editor_id": None, "editor_network_id": None, "edited": None, "answer": None, "answer_id": None}
    Unsolved.update(status=UnsolvedStatus.NEW, **nobody).where(Unsolved.id.in_(ids)).execute()
