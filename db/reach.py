"""Whom a bot cannot write to, and why: kept in the bot's own database until something says otherwise.

A person's consent ends with ``message_deny`` or VK's refusal, and comes back with ``message_allow`` or a new message.
A chat that refuses is left alone for a while, or until the bot is invited again: it may have got its right back.
"""

from __future__ import annotations

import redis

from db import keys
from db.marks import KEEP_PEER_S

PERSON_S = 180 * 24 * 3600  # of a refusal that nobody takes back
CHAT_S = 600.0
DENIED = "denied"  # in place of VK's code


class Reach:
    """The refusals of one bot. ``client`` is of its own database; errors of the connection pass through."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client

    def close(self, peer_id: int, why: str, *, is_chat: bool = False) -> None:
        """Remember that ``peer_id`` cannot be written to; ``why`` is VK's code, or ``DENIED``."""
        self._redis.set(keys.closed(peer_id), why, px=int((CHAT_S if is_chat else PERSON_S) * 1000))

    def reopen(self, peer_id: int) -> None:
        """Forget a refusal. Without one nothing is written."""
        self._redis.delete(keys.closed(peer_id))

    def refusal(self, peer_id: int) -> str:
        """Return why a peer cannot be written to; empty: nothing is known against it."""
        found: bytes | None = self._redis.get(keys.closed(peer_id))  # type: ignore[assignment]
        return (found or b"").decode("utf-8", "replace")

    def note(self, peer_id: int, **facts: str) -> None:
        """Keep facts on a peer with the other short-lived ones, say whether a person is a member."""
        pipeline = self._redis.pipeline(transaction=True)
        pipeline.hset(keys.peer(peer_id), mapping=dict(facts.items()))
        pipeline.expire(keys.peer(peer_id), KEEP_PEER_S)
        pipeline.execute()
