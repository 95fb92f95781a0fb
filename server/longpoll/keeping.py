"""Puts an event that long poll told into its bot's inbox, by the same script and the same rules as a callback's."""

from __future__ import annotations

import json
import time

from db import keys
from db.accept import SCRIPT, Event, Outcome, accept_words
from db.errors import SaloError, StorageUnavailable
from server.callback.event import BadEvent, parse_envelope, parse_event
from server.callback.receiver import MemoryGuard
from server.callback.wire import Wire
from server.longpoll.session import Raw

_STALE_MAX = 5  # changes of the bots during one event


class BotGone(SaloError):
    """The bot was removed: nobody wants its events any more."""


def event_of(raw: Raw, group_id: int) -> Event | None:
    """Return the event to keep, ``None`` for a type that no bot handles; a wrong form is a ``BadEvent``."""
    try:
        body = json.dumps(raw).encode()  # lone surrogates and all: the parser of callbacks cleans them
    except (RecursionError, ValueError):
        raise BadEvent("nested too deeply") from None
    envelope = parse_envelope(body)
    if envelope.group_id != group_id:
        raise BadEvent("group_id is another community's")
    return parse_event(envelope)


class Keeping:
    """Keeps events. Safe to share between threads."""

    def __init__(self, wire: Wire, inbox_max: int) -> None:
        self._wire, self._inbox_max = wire, inbox_max
        self._memory = MemoryGuard(wire, time.monotonic)
        self._version = -1

    def keep(self, bot: str, event: Event) -> Outcome:
        """Return ``ACCEPTED`` or ``SEEN`` when it is on disk. Raises ``StorageUnavailable`` for "not now"."""
        if self._memory.is_short():
            raise StorageUnavailable("Redis' memory is short")
        for _try in range(_STALE_MAX):
            outcome = Outcome(self._wire.run(SCRIPT, *accept_words(bot, event, self._version, self._inbox_max)))
            if outcome is Outcome.FULL:
                raise StorageUnavailable(f"the inbox of bot {bot} is full")
            if outcome is not Outcome.STALE:
                return outcome
            self._version = int(self._wire.call("GET", keys.BOTS_VERSION) or 0)
            if not self._wire.call("HEXISTS", keys.BOTS, bot):
                raise BotGone(f"bot {bot} is gone")
        raise StorageUnavailable("others keep changing the bots")
