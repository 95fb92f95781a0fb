"""Every Redis key of Salo, by function, so that a search for a key finds all who use it.

Database 0 is the platform's; each bot has a logical database of its own, whose number is in its description.
"""

from __future__ import annotations

PLATFORM_DB = 0

# Database 0.
BOTS = "bots"  # hash: bot name -> description without secrets (JSON)
BOTS_VERSION = "bots:version"  # grows with every change of a bot or of its config
NEXT_BOT_ID = "next:bot_id"
BASES = "bases"  # hash: base name -> description (JSON)
DEAD = "dead"  # stream of dead letters
AUDIT = "audit"  # stream of changing commands
LEADER = "leader"
HOSTS = "hosts"  # hash: host id -> ``until_ms:lanes``, until when it counts as living
KEY_WITNESS = "key:witness"  # string: a word sealed with the key of all hosts

# Pub/sub channels.
WAKE_PREFIX = "wake:"
BOTS_CHANGED = "changed:bots"
LEASES_RELEASED = "released:leases"


def wake(bot: str) -> str:
    """Channel: something was accepted for this bot."""
    return WAKE_PREFIX + bot


def inbox(bot: str) -> str:
    """Stream: accepted and not yet settled events."""
    return f"inbox:{bot}"


def state(bot: str) -> str:
    """Hash: inbox entry -> ``attempts:due_ms:reason``."""
    return f"state:{bot}"


def pauses(bot: str) -> str:
    """Hash: why this bot's lane rests -> since when, until when, how often (JSON)."""
    return f"pauses:{bot}"


def lease(bot: str) -> str:
    """String PX: who runs this lane, as ``host:token``."""
    return f"lease:{bot}"


def journal_lease(base: str) -> str:
    """String PX: who drains this base's journal."""
    return f"lease:journal:{base}"


def long_poll_lease(bot: str) -> str:
    """String PX: who listens for this bot by long poll."""
    return f"lease:longpoll:{bot}"


def seen_event(group_id: int, event_id: str) -> str:
    """String EX: this event was accepted."""
    return f"seen:{group_id}:e:{event_id}"


def seen_message(group_id: int, peer_id: int, cmid: int) -> str:
    """String EX: this message was accepted, whatever its event was called."""
    return f"seen:{group_id}:m:{peer_id}:{cmid}"


def seen_same(group_id: int, same: str) -> str:
    """String EX: this was accepted, whatever its event was called: a pressed button."""
    return f"seen:{group_id}:s:{same}"


def reply_mark(group_id: int, entry: str) -> str:
    """Hash: what is being sent for an event; deleted when it is settled."""
    return f"reply:{group_id}:{entry}"


def journal(base: str) -> str:
    """Stream: what MariaDB is still to be told."""
    return f"journal:{base}"


def journal_wake(base: str) -> str:
    """Channel: something was written to this base's journal."""
    return f"{WAKE_PREFIX}journal:{base}"


def journal_buried(base: str) -> str:
    """String: the last journal row that was set aside, as ``entry:row``; a repeat buries it no second time."""
    return f"journal:buried:{base}"


def delta(base: str) -> str:
    """Stream: changes of answers, for every worker's index."""
    return f"delta:{base}"


def person(base: str, network: str, account: int | str) -> str:
    """Hash EX: status and names of a person."""
    return f"person:{base}:{network}:{account}"


def host(host_id: str) -> str:
    """Hash PX: a platform's heartbeat."""
    return f"host:{host_id}"


# A bot's own database.
CONFIG = "config"  # hash: the bot's settings, versioned; token, secret and code sealed
RATE = "rate"  # the token's limiter
LONG_POLL = "longpoll"  # hash: where its long poll stands


def peer(peer_id: int) -> str:
    """Hash: short-lived data of a conversation."""
    return f"peer:{peer_id}"


def closed(peer_id: int) -> str:
    """String PX: why this peer cannot be written to."""
    return f"closed:{peer_id}"


# A bot's own database; of tickers that belong to no bot, database 0.


def ticker(name: str, host_id: str = "") -> str:
    """Hash: last tick and next one, what it found, whether it is paused. ``host_id``: of one that each host has."""
    return f"ticker:{name}:{host_id}" if host_id else f"ticker:{name}"
