"""``messages.send``: the recipients, the memory of ``random_id``, and what a sent message becomes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from server.emulator import messages as shapes
from server.emulator import params as read
from server.emulator.attachments import STRING_MAX, parse_attachments
from server.emulator.core import Call
from server.emulator.errors import TEXTS, VkError
from server.emulator.keyboards import check_keyboard
from server.emulator.world import CHAT_PEER_BASE, Remembered, Thread, is_chat_peer

TEXT_MAX = 4096
PEERS_MAX = 100
_NO_PEER = "you should specify peer_id, user_id, domain, chat_id or user_ids param"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What is to be sent, checked, the same for every recipient."""

    text: str
    random_id: int
    attachments: list[dict[str, Any]]
    attachment: str
    keyboard: dict[str, Any] | None
    forward: dict[str, Any]
    reply_to: int
    payload: str
    sticker_id: int


def send(call: Call) -> Any:
    """Send to one peer (an id comes back, 0 for a chat) or to ``peer_ids`` (a list with each one's fate)."""
    if "random_id" not in call.params:
        raise VkError(100, "random_id is a required parameter")
    listed = "peer_ids" in call.params or "user_ids" in call.params
    peers = _recipients(call)
    outgoing = _outgoing(call)
    if not listed:
        return _deliver(call, peers[0], outgoing)["message_id"]
    return [_deliver_or_tell(call, peer, outgoing) for peer in peers]


def _recipients(call: Call) -> list[int]:
    params = call.params
    for name in ("peer_ids", "user_ids"):
        if params.get(name):
            return read.integers(params, name, PEERS_MAX)
    for name in ("peer_id", "user_id"):
        if params.get(name):
            return [read.integer(params, name)]
    if params.get("chat_id"):
        return [CHAT_PEER_BASE + read.integer(params, "chat_id")]
    if params.get("domain"):
        kind, number = call.core.world.names.get(params["domain"].lower(), ("", 0))
        if kind == "id":
            return [number]
        raise VkError(113)
    raise VkError(100, _NO_PEER)


def _outgoing(call: Call) -> Outgoing:
    params = call.params
    text = params.get("message", "").strip()
    if len(text) > TEXT_MAX:
        raise VkError(914)
    attachment = read.text(params, "attachment", STRING_MAX)
    outgoing = Outgoing(
        text=text,
        random_id=read.integer(params, "random_id", 0),
        attachments=parse_attachments(attachment),
        attachment=attachment,
        keyboard=check_keyboard(params.get("keyboard", "")),
        forward=read.json_object(params, "forward"),
        reply_to=read.integer(params, "reply_to", 0),
        payload=read.text(params, "payload", 1000),
        sticker_id=read.integer(params, "sticker_id", 0),
    )
    read.json_object(params, "template")
    if not (text or attachment or outgoing.sticker_id or outgoing.forward or params.get("forward_messages")):
        raise VkError(100, "message is empty or invalid")
    return outgoing


def _deliver_or_tell(call: Call, peer_id: int, outgoing: Outgoing) -> dict[str, Any]:
    try:
        return _deliver(call, peer_id, outgoing)
    except VkError as error:
        fate = {"code": error.code, "description": error.text}
        return {"peer_id": peer_id, "message_id": 0, "conversation_message_id": 0, "error": fate}


def _deliver(call: Call, peer_id: int, outgoing: Outgoing) -> dict[str, Any]:
    """Put one message into the thread with ``peer_id``, unless ``random_id`` says that it is there already."""
    thread = open_thread(call, peer_id)
    known = _recall(call, thread, outgoing.random_id)
    if known is None:
        known = _post(call, peer_id, thread, outgoing)
    else:
        known.entry["duplicates"] += 1
        call.core.suppressed += 1
    return {
        "peer_id": peer_id,
        "message_id": known.message_id,
        "conversation_message_id": known.conversation_message_id,
    }


def open_thread(call: Call, peer_id: int) -> Thread:
    """Return the thread that the community may write to as ``peer_id``; raises the error that VK would answer."""
    community = call.community
    if is_chat_peer(peer_id):
        thread = community.thread(peer_id)
        if thread is None:
            raise VkError(917)
        return thread
    if peer_id <= 0:
        raise VkError(932)
    user = call.core.world.users.get(peer_id)
    if user is not None and user.deactivated:
        raise VkError(18)
    dialog = community.dialogs.get(peer_id)
    if dialog is None or not dialog.allowed or dialog.refusal:
        code = dialog.refusal if dialog and dialog.refusal else 901
        raise VkError(code, text=TEXTS.get(code))
    return dialog.thread


def _recall(call: Call, thread: Thread, random_id: int) -> Remembered | None:
    """Return what this ``random_id`` made within VK's memory: an hour, and the thread's last 100 messages."""
    if random_id == 0:
        return None
    key = (call.community.group_id, random_id)
    known = thread.memory.get(key)
    tuning = call.core.tuning
    if known is None:
        return None
    fresh = call.core.clock() - known.at < tuning.random_id_memory_s
    near = thread.last_cmid - known.conversation_message_id < tuning.random_id_messages
    if fresh and near:
        return known
    del thread.memory[key]
    return None


def _post(call: Call, peer_id: int, thread: Thread, outgoing: Outgoing) -> Remembered:
    community, now = call.community, call.core.clock()
    message_id = 0 if is_chat_peer(peer_id) else community.next_message_id()
    message = shapes.neutral(-community.group_id, outgoing.text, int(now), message_id)
    message |= {"random_id": outgoing.random_id, "attachments": outgoing.attachments}
    reply_to = _attach_quotes(peer_id, thread, outgoing, message)
    if outgoing.keyboard is not None:
        message["keyboard"] = outgoing.keyboard
    if outgoing.payload:
        message["payload"] = outgoing.payload
    cmid = thread.add(message)
    entry = call.core.sent.add(_entry(call, peer_id, message, outgoing, reply_to, now))
    remembered = Remembered(now, cmid, message_id, entry)
    _remember(call, thread, outgoing.random_id, remembered)
    if message_id:  # communities do not see their own messages in chats
        call.sender.emit(community, "message_reply", shapes.shown(community, peer_id, message))
    return remembered


def _remember(call: Call, thread: Thread, random_id: int, remembered: Remembered) -> None:
    if random_id == 0:
        return
    thread.memory[(call.community.group_id, random_id)] = remembered
    if len(thread.memory) > call.core.tuning.random_id_messages:
        del thread.memory[next(iter(thread.memory))]  # older than the last 100 messages for sure


def _attach_quotes(peer_id: int, thread: Thread, outgoing: Outgoing, message: dict[str, Any]) -> int:
    """Add the reply or the forwards to ``message``; return the number of the message replied to, or 0."""
    forward = outgoing.forward
    if outgoing.reply_to:
        cmid = next((key for key, kept in thread.kept.items() if kept["id"] == outgoing.reply_to), 0)
        if is_chat_peer(peer_id) or not cmid:
            raise VkError(100, "reply_to have to be message from same chat")
        message["reply_message"] = shapes.quoted(thread, cmid, peer_id)
        return cmid
    numbers = forward.get("conversation_message_ids") or forward.get("cmids") or []
    if not forward or (not numbers and forward.get("message_ids")):
        return 0
    numbers = [read.to_int(number, "forward") for number in (numbers if isinstance(numbers, list) else [numbers])]
    if forward.get("is_reply") in (True, 1, "1") and (
        len(numbers) != 1 or read.to_int(forward.get("peer_id", peer_id), "forward") != peer_id
    ):
        raise VkError(100, "forward should contain one message from the same chat to be a reply")
    quotes = [quote for quote in (shapes.quoted(thread, number, peer_id) for number in numbers) if quote]
    if not quotes:
        raise VkError(921)
    if forward.get("is_reply") in (True, 1, "1"):
        message["reply_message"] = quotes[0]
        return int(numbers[0])
    message["fwd_messages"] = quotes
    return 0


def _entry(
    call: Call, peer_id: int, message: dict[str, Any], outgoing: Outgoing, reply_to: int, now: float
) -> dict[str, Any]:
    """Return what the control interface tells about a sent message."""
    chat = call.community.chat_of_peer.get(peer_id)
    return {
        "group_id": call.community.group_id,
        "peer_id": peer_id,
        "chat_id": chat.chat_id if chat else None,
        "conversation_message_id": message["conversation_message_id"],
        "message_id": message["id"],
        "random_id": outgoing.random_id,
        "text": outgoing.text,
        "reply_to": reply_to or None,
        "forward": outgoing.forward or None,
        "attachment": outgoing.attachment or None,
        "keyboard": outgoing.keyboard,
        "payload": outgoing.payload or None,
        "sticker_id": outgoing.sticker_id or None,
        "at_ms": int(now * 1000),
        "duplicates": 0,
    }


METHODS = {"messages.send": send}
