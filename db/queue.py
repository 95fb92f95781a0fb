"""What waits in a bot's inbox, for the operator: counted, listed, shown, dropped. The lanes do not pass here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import redis

from db import keys
from db.errors import NotFound
from db.inbox import Entry, Tried, parse_entry, parse_tried
from db.protocol import PAGE_MAX
from db.stored import is_entry_id, stored_event
from db.texts import _

_UNTRIED = Tried(0, 0, "")


@dataclass(frozen=True, slots=True)
class Waiting:
    """One event that is not settled yet, what it went through, and the envelope as accepted."""

    entry: Entry
    tried: Tried
    event: Any


class Queue:
    """The inboxes of all bots, through a blocking client of database 0."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client

    def counts(self, bots: Iterable[str]) -> dict[str, int]:
        """Return how many events wait for each bot, those in flight included."""
        names = list(bots)
        pipeline = self._redis.pipeline(transaction=False)
        for name in names:
            pipeline.xlen(keys.inbox(name))
        return dict(zip(names, (int(count) for count in pipeline.execute()), strict=True))

    def page(self, bot: str, after: str = "", size: int = 50) -> list[Waiting]:
        """Return up to ``size`` events, oldest first, behind the entry ``after`` when it is given."""
        start = f"({_checked(bot, after)}" if after else "-"
        found: Any = self._redis.xrange(keys.inbox(bot), start, "+", count=min(size, PAGE_MAX))
        return self._with_tries(bot, found)

    def show(self, bot: str, entry: str) -> Waiting:
        """Return one event; ``NotFound`` when it is settled, or never was."""
        name = _checked(bot, entry)
        found: Any = self._redis.xrange(keys.inbox(bot), name, name)
        if not found:
            raise _missing(bot, entry)
        return self._with_tries(bot, found)[0]

    def drop(self, bot: str, entry: str) -> None:
        """Throw one event away, unanswered; a job that runs for it may still send its reply."""
        if self._redis.xdel(keys.inbox(bot), _checked(bot, entry)) == 0:
            raise _missing(bot, entry)
        self._redis.hdel(keys.state(bot), entry)

    def _with_tries(self, bot: str, found: list[tuple[bytes, Mapping[bytes, bytes]]]) -> list[Waiting]:
        if not found:
            return []
        tried: Any = self._redis.hmget(keys.state(bot), [name for name, _fields in found])
        return [
            Waiting(
                parse_entry(name, fields), parse_tried(raw) if raw else _UNTRIED, stored_event(fields.get(b"e", b""))
            )
            for (name, fields), raw in zip(found, tried, strict=True)
        ]


def _checked(bot: str, entry: str) -> str:
    if not is_entry_id(entry):
        raise _missing(bot, entry)
    return entry


def _missing(bot: str, entry: str) -> NotFound:
    return NotFound(_("no event {entry} waits for bot {bot}; see: salo queue list").format(entry=entry[:60], bot=bot))
