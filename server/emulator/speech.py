"""People act: they write, press buttons, allow, join and leave. Each act becomes events of all who see it."""

from __future__ import annotations

import secrets
from typing import Any

from server.emulator import messages as shapes
from server.emulator.core import Core, Sender
from server.emulator.errors import BadOrder
from server.emulator.mentions import resolve_mentions
from server.emulator.orders import boolean, known
from server.emulator.visibility import sees
from server.emulator.world import PRESSES_KEPT, Community, Thread

COPIES_MAX = 100
JOIN_TYPES = ("join", "unsure", "accepted", "approved", "request")
_SAY_KEYS = {
    "from_id",
    "group_id",
    "peer",
    "text",
    "payload",
    "reply_to",
    "forward",
    "attachments",
    "action",
    "date",
    "raw",
    "extra",
    "copies",
}


def say(core: Core, sender: Sender, order: dict[str, Any]) -> dict[str, Any]:
    """Let somebody write one message; return its identity in the community ``group_id`` and in all others.

    ``peer`` is ``private`` (the default) or a chat's id. A message in a chat reaches every community in it.
    """
    known(order, "say", _SAY_KEYS)
    from_id = _integer(order, "from_id")
    if order.get("peer", "private") == "private":
        community = core.world.community(order.get("group_id"))
        heard = [_say_privately(core, sender, community, from_id, order)]
    else:
        heard = _say_in_chat(core, sender, from_id, order)
    first = next((item for item in heard if item["group_id"] == order.get("group_id")), heard[0])
    return {**first, "events": heard}


def _say_privately(
    core: Core, sender: Sender, community: Community, from_id: int, order: dict[str, Any]
) -> dict[str, Any]:
    if from_id > 0:
        core.world.user(from_id)
    dialog = community.dialog(from_id)
    message = _message(core, dialog.thread, from_id, order, community.next_message_id(), from_id)
    dialog.thread.add(message)
    if not dialog.allowed:  # the first message is a consent
        dialog.allowed = True
        sender.emit(community, "message_allow", {"user_id": from_id, "key": ""})
    return _hear(sender, community, from_id, message, _copies(order))


def _say_in_chat(core: Core, sender: Sender, from_id: int, order: dict[str, Any]) -> list[dict[str, Any]]:
    chat = core.world.chat(order["peer"])
    if from_id not in chat.members:
        core.world.join(chat, from_id)
    listeners = [pair for pair in core.world.listeners(chat) if pair[0].group_id != -from_id]
    if not listeners:
        raise BadOrder(f"say: no community takes part in chat {chat.chat_id}; add one with POST /emulator/chats")
    message = _message(core, chat.thread, from_id, order, 0, listeners[0][1])
    chat.thread.add(message)
    copies = _copies(order)
    heard = []
    for community, peer_id in listeners:
        seen = sees(chat, community.group_id, message, replies=core.tuning.replies_seen)
        heard.append(_hear(sender, community, peer_id, message, copies if seen else 0))
    return heard


def _message(
    core: Core, thread: Thread, from_id: int, order: dict[str, Any], message_id: int, peer_id: int
) -> dict[str, Any]:
    text = order.get("text", "")
    if not isinstance(text, str):
        raise BadOrder(f"say: text = {text!r}, must be a string")
    if not order.get("raw"):
        text = resolve_mentions(text, core.world)
    date = _integer(order, "date", int(core.clock()))
    message = shapes.neutral(from_id, text, date, message_id)
    for name in ("payload", "attachments", "action"):
        if order.get(name) is not None:
            message[name] = order[name]
    if order.get("reply_to"):
        message["reply_message"] = _quote(thread, order["reply_to"], peer_id)
    if order.get("forward"):
        message["fwd_messages"] = [_quote(thread, cmid, peer_id) for cmid in order["forward"]]
    message.update(order.get("extra", {}))
    return message


def _quote(thread: Thread, cmid: int, peer_id: int) -> dict[str, Any]:
    quote = shapes.quoted(thread, cmid, peer_id)
    if quote is None:
        raise BadOrder(f"say: message {cmid} is not in this conversation, or is older than its last 200")
    return quote


def _copies(order: dict[str, Any]) -> int:
    """Return how often VK posts the event: more than once is its deliberate duplicate."""
    return max(1, min(_integer(order, "copies", 1), COPIES_MAX))


def _hear(sender: Sender, community: Community, peer_id: int, message: dict[str, Any], copies: int) -> dict[str, Any]:
    """Bring a message to one community, ``copies`` times; with 0 it does not get to see it."""
    event_id = None
    if copies:
        content = {"message": shapes.shown(community, peer_id, message), "client_info": shapes.CLIENT_INFO}
        event_id = sender.emit(community, "message_new", content, copies)
    return {
        "group_id": community.group_id,
        "event_id": event_id,
        "peer_id": peer_id,
        "conversation_message_id": message["conversation_message_id"],
    }


def press(core: Core, sender: Sender, order: dict[str, Any]) -> dict[str, Any]:
    """Let somebody press a callback button: a ``message_event`` with a short ``event_id`` of its own."""
    community = core.world.community(order.get("group_id"))
    user_id, peer = _integer(order, "from_id"), order.get("peer", "private")
    if peer == "private":
        peer_id = user_id
        community.dialog(user_id)
    else:
        chat = core.world.chat(peer)
        found = community.peer_of_chat.get(chat.chat_id)
        if found is None:
            raise BadOrder(f"press: community {community.group_id} is not in chat {chat.chat_id}")
        peer_id = found
    press_id = secrets.token_hex(6)
    community.presses[press_id] = (user_id, peer_id)
    if len(community.presses) > PRESSES_KEPT:
        del community.presses[next(iter(community.presses))]
    content = {
        "user_id": user_id,
        "peer_id": peer_id,
        "event_id": press_id,
        "payload": order.get("payload", {}),
        "conversation_message_id": _integer(order, "conversation_message_id", 1),
    }
    return {"event_id": sender.emit(community, "message_event", content), "press_id": press_id, "peer_id": peer_id}


def deny(core: Core, sender: Sender, order: dict[str, Any]) -> dict[str, Any]:
    """Let somebody forbid messages (or allow them again with ``allowed``); ``refusal`` names a code other than 901."""
    community = core.world.community(order.get("group_id"))
    user_id, allowed = _integer(order, "from_id"), bool(order.get("allowed", False))
    dialog = community.dialog(user_id)
    dialog.allowed, dialog.refusal = allowed, 0 if allowed else _integer(order, "refusal", 0)
    if allowed:
        return {"event_id": sender.emit(community, "message_allow", {"user_id": user_id, "key": ""})}
    return {"event_id": sender.emit(community, "message_deny", {"user_id": user_id})}


def join(core: Core, sender: Sender, order: dict[str, Any]) -> dict[str, Any]:
    """Let somebody join a community, or leave it (or be put out, with ``self`` false)."""
    known(order, "join", {"from_id", "group_id", "joined", "join_type", "self"})
    community = core.world.community(order.get("group_id"))
    user_id, joined = _integer(order, "from_id"), boolean(order, "joined", True)
    join_type = order.get("join_type", "join")
    if join_type not in JOIN_TYPES:
        raise BadOrder(f"join_type = {join_type!r}, must be one of {', '.join(JOIN_TYPES)}")
    core.world.user(user_id)
    if not joined:
        community.joined[user_id] = False
        content = {"user_id": user_id, "self": int(boolean(order, "self", True))}
        return {"event_id": sender.emit(community, "group_leave", content)}
    if join_type != "request":  # a request has still to be approved
        community.joined[user_id] = True
    return {"event_id": sender.emit(community, "group_join", {"user_id": user_id, "join_type": join_type})}


def raw_event(core: Core, sender: Sender, order: dict[str, Any]) -> dict[str, Any]:
    """Post any event as it stands, known to VK or not."""
    community = core.world.community(order.get("group_id"))
    kind = order.get("type")
    if not isinstance(kind, str) or not kind:
        raise BadOrder(f"event: type = {kind!r}, must be the event's name")
    return {"event_id": sender.emit(community, kind, order.get("object", {}))}


def _integer(order: dict[str, Any], name: str, default: int | None = None) -> int:
    value = order.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool):
        raise BadOrder(f"{name} = {value!r}, must be a whole number")
    return value
