"""The message of a ``message_new`` event, read leniently: VK adds and changes fields without notice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

CHAT_FIRST, CHAT_LAST = 2_000_000_000, 2_100_000_000  # new user ids lie above: FACTS section 1, point 5


@dataclass(frozen=True, slots=True)
class Message:
    """Who wrote what, where. ``cmid`` is 0 where VK gave none; ``answers_to`` is whose message this one quotes."""

    text: str
    peer_id: int
    from_id: int
    cmid: int
    is_out: bool
    is_service: bool  # somebody joined, the title changed, …
    answers_to: int | None = None

    @property
    def is_private(self) -> bool:
        return self.peer_id == self.from_id

    @property
    def is_chat(self) -> bool:
        return is_chat(self.peer_id)


def is_chat(peer_id: int) -> bool:
    """Is this the number of a chat?"""
    return CHAT_FIRST < peer_id <= CHAT_LAST


def parse_message(event: dict[str, Any]) -> Message | None:
    """Return the event's message, or None when it holds none that can be answered."""
    body = event.get("object")
    raw = body.get("message") if isinstance(body, dict) else None
    if not isinstance(raw, dict):
        return None
    peer_id, from_id = _number(raw.get("peer_id")), _number(raw.get("from_id"))
    if not peer_id or not from_id:
        return None
    text = raw.get("text")
    quoted = raw.get("reply_message")
    return Message(
        text=text if isinstance(text, str) else "",
        peer_id=peer_id,
        from_id=from_id,
        cmid=_number(raw.get("conversation_message_id")),
        is_out=raw.get("out") in (1, True),
        is_service=isinstance(raw.get("action"), dict),
        answers_to=_number(quoted.get("from_id")) if isinstance(quoted, dict) else None,
    )


def _number(value: Any) -> int:
    """Return an int64, or 0 for anything else (JSON's true is not a number here)."""
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= 1 << 63:
        return 0
    return value
