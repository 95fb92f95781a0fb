"""The shape of a message as VK shows it to a community, from the neutral form that a thread keeps.

The neutral form lacks what differs between communities: ``peer_id``, ``out``, ``version``.
"""

from __future__ import annotations

from typing import Any

from server.emulator.world import Community, Thread

CLIENT_INFO = {
    "button_actions": [
        "text",
        "vkpay",
        "open_app",
        "location",
        "open_link",
        "open_photo",
        "callback",
        "intent_subscribe",
        "intent_unsubscribe",
    ],
    "keyboard": True,
    "inline_keyboard": True,
    "carousel": True,
    "lang_id": 0,
}


def neutral(from_id: int, text: str, date: int, message_id: int = 0) -> dict[str, Any]:
    """Return a message that a thread can keep; its number there is given by the thread.

    ``message_id`` is 0 in chats: a community cannot reach a chat's messages by it.
    """
    return {
        "id": message_id,
        "date": date,
        "from_id": from_id,
        "text": text,
        "fwd_messages": [],
        "attachments": [],
        "random_id": 0,
        "important": False,
        "is_hidden": False,
    }


def shown(community: Community, peer_id: int, message: dict[str, Any]) -> dict[str, Any]:
    """Return ``message`` as ``community`` sees it."""
    own = message["from_id"] == -community.group_id
    view = {**message, "peer_id": peer_id, "out": int(own), "version": community.next_version()}
    if not message["id"]:
        view["is_unavailable"] = True
    if not own:
        view["random_id"] = 0
    return view


def quoted(thread: Thread, cmid: int, peer_id: int) -> dict[str, Any] | None:
    """Return the short form of a kept message that a reply or a forward shows, or None when it is forgotten."""
    message = thread.kept.get(cmid)
    if message is None:
        return None
    short = {key: message[key] for key in ("date", "from_id", "text", "attachments", "conversation_message_id")}
    return {**short, "peer_id": peer_id} | ({"id": message["id"]} if message["id"] else {})
