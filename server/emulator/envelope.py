"""The envelope of an event, the same on both transports but for the secret."""

from __future__ import annotations

from typing import Any

from db.codec import dumps


def envelope(group_id: int, version: str, event_id: str, kind: str, content: Any, secret: str = "") -> bytes:
    """Return the JSON of one event; without ``content`` it has no object, without ``secret`` no secret."""
    event: dict[str, Any] = {"type": kind, "group_id": group_id, "event_id": event_id, "v": version}
    if content is not None:
        event["object"] = content
    if secret:
        event["secret"] = secret
    return dumps(event)


def peer_of(content: Any) -> int | None:
    """Return whose conversation an event is about, if it tells."""
    message = message_of(content)
    peer_id = message.get("peer_id", message.get("user_id"))
    return peer_id if isinstance(peer_id, int) else None


def message_of(content: Any) -> dict[str, Any]:
    """Return the message inside an event's object, or the object itself."""
    if not isinstance(content, dict):
        return {}
    message = content.get("message", content)
    return message if isinstance(message, dict) else {}
