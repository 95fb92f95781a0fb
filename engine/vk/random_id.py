"""The ``random_id`` of a reply: derived, so that a repeat of the same part is dropped by VK (1 h, 100 messages).

The rule is a part of the engine protocol (docs/engine-protocol.md): engines in any language derive the same numbers.
"""

from __future__ import annotations

import hashlib


def derive_random_id(group_id: int, peer_id: int, cmid: int, part: int) -> int:
    """Return the int32 ≠ 0 of one part of the reply to one message; the same input gives the same number for ever.

    ``cmid`` is the message's ``conversation_message_id``, or ``event_number`` where it has none.
    """
    digest = hashlib.sha256(f"{group_id}:{peer_id}:{cmid}:{part}".encode()).digest()
    return int.from_bytes(digest[:4], "big", signed=True) or 1  # 0 would mean: do not compare


def event_number(event_id: str) -> int:
    """Return a number for an event that carries no ``conversation_message_id``."""
    return int.from_bytes(hashlib.sha256(event_id.encode("utf-8", "replace")).digest()[:7], "big")
