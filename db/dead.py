"""Dead letters: what was set aside for a human. Listed, shown, replayed once, or dropped.

They are events after their last attempt, and rows of a base's journal that no table took: type ``journal``, no bot.

They are never trimmed: they count against Redis' memory, and at 80 % of it the callback servers stop accepting.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import redis

from db import codec, keys
from db.errors import NotFound, Refused
from db.protocol import PAGE_MAX
from db.scripts import Script
from db.stored import is_entry_id, stored_event
from db.texts import _

JOURNAL = "journal"  # type of a letter that holds a row

_REPLAY, _REPLAY_ROW = Script("dead_replay"), Script("dead_replay_row")


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One buried event or row. ``id`` names it in commands; ``entry`` is what it was in its inbox or journal."""

    id: str
    bot: str
    entry: str
    event_id: str
    type: str
    peer_id: int
    from_id: int
    attempts: int
    reason: str
    trace: str
    at_ms: int
    event: Any  # the envelope as accepted, or the row; its text when it is not JSON
    base: str = ""  # of a row


class DeadLetters:
    """The dead letters of all bots, through a blocking client of database 0."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client

    def count(self) -> int:
        return int(self._redis.xlen(keys.DEAD))

    def page(self, before: str = "", size: int = 50) -> list[DeadLetter]:
        """Return up to ``size`` letters, newest first, older than the letter ``before`` when it is given."""
        newest = f"({_checked(before)}" if before else "+"
        found: Any = self._redis.xrevrange(keys.DEAD, newest, "-", count=min(size, PAGE_MAX))
        return [_letter(name, fields) for name, fields in found]

    def show(self, letter: str) -> DeadLetter:
        """Return one letter; ``NotFound`` when there is none of this id."""
        name = _checked(letter)
        found: Any = self._redis.xrange(keys.DEAD, name, name)
        if not found:
            raise _missing(letter)
        return _letter(*found[0])

    def replay(self, letter: str) -> str:
        """Put an event back into its bot's inbox, a row into its base's journal, and return its new entry.

        Exactly once: of two who try, one gets ``NotFound``. Attempts are forgotten, an event's age counts from now.
        """
        name, found = _checked(letter), self.show(letter)
        if found.type == JOURNAL:
            return self._replay_row(found)
        bot = found.bot
        names = [keys.DEAD, keys.BOTS, keys.inbox(bot)]
        answer = _REPLAY.run(self._redis, names, [name, bot, keys.wake(bot)])
        if answer == -1:
            raise NotFound(_("dead letter {id}: its bot {bot} was removed; drop it").format(id=letter, bot=bot))
        if answer == 0:
            raise _missing(letter)
        return bytes(answer).decode()

    def _replay_row(self, letter: DeadLetter) -> str:
        if not isinstance(letter.event, dict):
            raise Refused(_("dead letter {id} holds no row that a table could take; drop it").format(id=letter.id))
        names = [keys.DEAD, keys.BASES, keys.journal(letter.base)]
        ops = codec.dumps([letter.event])
        answer = _REPLAY_ROW.run(self._redis, names, [letter.id, letter.base, ops, keys.journal_wake(letter.base)])
        if answer == -1:
            text = _("dead letter {id}: its base {base} was dropped; drop it")
            raise NotFound(text.format(id=letter.id, base=letter.base))
        if answer == 0:
            raise _missing(letter.id)
        return bytes(answer).decode()

    def drop(self, letter: str) -> None:
        """Forget one letter; ``NotFound`` when there is none of this id."""
        if self._redis.xdel(keys.DEAD, _checked(letter)) == 0:
            raise _missing(letter)


def _checked(letter: str) -> str:
    if not is_entry_id(letter):
        raise _missing(letter)
    return letter


def _missing(letter: str) -> NotFound:
    return NotFound(_("there is no dead letter {id}; see: salo dead list").format(id=letter[:60]))


def _letter(name: bytes, fields: Mapping[bytes, bytes]) -> DeadLetter:
    text = {key.decode(): value.decode("utf-8", "replace") for key, value in fields.items()}
    return DeadLetter(
        id=name.decode(),
        bot=text.get("bot", ""),
        entry=text.get("entry", ""),
        event_id=text.get("i", ""),
        type=text.get("t", ""),
        peer_id=int(text.get("p", 0)),
        from_id=int(text.get("f", 0)),
        attempts=int(text.get("attempts", 0)),
        reason=text.get("reason", ""),
        trace=text.get("trace", ""),
        at_ms=int(text.get("at_ms", 0)),
        event=stored_event(fields.get(b"e", b"")),
        base=text.get("base", ""),
    )
