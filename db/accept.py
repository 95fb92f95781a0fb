"""Accepting an event into a bot's inbox: deduplicated, bounded and on disk, in one round trip.

Only what was verified comes here. Whoever gets ``ACCEPTED`` or ``SEEN`` may promise VK that the event is kept; an
unknown outcome (a broken connection) is no promise, and its repeat is deduplicated.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

import redis

from db import keys
from db.scripts import Script

SEEN_S = 6 * 3600  # VK's last repeat comes 1 h 44 min after the event; our own Retry-After may add up to 3 h
SCRIPT = Script("accept")

STORED_TYPES = frozenset(("message_new", "message_event", "message_allow", "message_deny", "group_join", "group_leave"))


@dataclass(frozen=True, slots=True)
class Event:
    """One VK event, checked and ready to be kept.

    ``cmid`` is the ``conversation_message_id`` of a ``message_new`` and 0 for everything else: a button's event names
    the message that holds the button, which says nothing about its own place in the conversation.
    """

    group_id: int
    event_id: str
    type: str
    peer_id: int
    cmid: int
    from_id: int
    envelope: bytes = field(repr=False)  # JSON as VK sent it, without ``secret``
    same: str = ""  # what tells it apart, whatever ``event_id`` it has on another transport; messages have ``cmid``


class Outcome(IntEnum):
    """What became of an event."""

    ACCEPTED = 1
    SEEN = 0
    FULL = -1
    STALE = -2  # a bot changed since the caller read the bots


def accept_words(bot: str, event: Event, version: int, inbox_max: int) -> tuple[list[str], list[str | bytes | int]]:
    """Return KEYS and ARGV of the script, for callers with a connection of their own."""
    names = [keys.BOTS_VERSION, keys.inbox(bot), keys.seen_event(event.group_id, event.event_id)]
    if event.cmid:
        names.append(keys.seen_message(event.group_id, event.peer_id, event.cmid))
    if event.same:
        names.append(keys.seen_same(event.group_id, event.same))
    limits: list[str | bytes | int] = [version, inbox_max, SEEN_S, keys.wake(bot)]
    entry: list[str | bytes | int] = [
        event.envelope,
        event.type,
        event.peer_id,
        event.cmid,
        event.from_id,
        event.event_id,
    ]
    return names, limits + entry


def accept(client: redis.Redis, bot: str, event: Event, version: int, inbox_max: int) -> Outcome:
    """Take one event into the inbox of ``bot``, verified with the bots of ``version``."""
    names, arguments = accept_words(bot, event, version, inbox_max)
    return Outcome(SCRIPT.run(client, names, arguments))
