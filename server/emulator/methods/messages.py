"""``messages.*`` about messages that are already there: edit, delete, fetch, react, and the typing sign."""

from __future__ import annotations

from typing import Any

from server.emulator import messages as shapes
from server.emulator import params as read
from server.emulator.core import Call
from server.emulator.errors import VkError
from server.emulator.keyboards import check_keyboard
from server.emulator.methods.sending import TEXT_MAX, open_thread
from server.emulator.world import Thread, is_chat_peer

ACTIVITIES = {"typing", "audiomessage", "photo", "video", "file", "videomessage"}


def edit(call: Call) -> int:
    """Change an own message's text."""
    peer_id = read.integer(call.params, "peer_id")
    thread = open_thread(call, peer_id)
    message = _message(call, thread)
    if message["from_id"] != -call.community.group_id:
        raise VkError(920)
    text = call.params.get("message", "").strip()
    if len(text) > TEXT_MAX:
        raise VkError(914)
    if not text and not call.params.get("attachment"):
        raise VkError(100, "message is empty or invalid")
    keyboard = check_keyboard(call.params.get("keyboard", ""))
    message |= {"text": text, "update_time": int(call.core.clock())}
    if keyboard is not None:
        message["keyboard"] = keyboard
    if not is_chat_peer(peer_id):
        call.sender.emit(call.community, "message_edit", shapes.shown(call.community, peer_id, message))
    return 1


def delete(call: Call) -> list[dict[str, Any]]:
    """Delete by numbers in a conversation, or by private-dialog ids; each has a fate of its own."""
    peer_id = read.integer(call.params, "peer_id", 0)
    numbers = read.integers(call.params, "cmids", 100)
    thread = open_thread(call, peer_id) if peer_id else Thread()
    if numbers:
        return [
            {"peer_id": peer_id, "conversation_message_id": cmid, "response": int(_drop(thread, cmid))}
            for cmid in numbers
        ]
    ids = read.integers(call.params, "message_ids", 1000)
    if not ids:
        raise VkError(100, "message_ids or cmids is a required parameter")
    threads = [dialog.thread for dialog in call.community.dialogs.values()]
    return [{"message_id": number, "response": int(_drop_by_id(threads, number))} for number in ids]


def _drop(thread: Thread, cmid: int) -> bool:
    return thread.kept.pop(cmid, None) is not None


def _drop_by_id(threads: list[Thread], message_id: int) -> bool:
    for thread in threads:
        for cmid, message in thread.kept.items():
            if message["id"] == message_id:
                return _drop(thread, cmid)
    return False


def _message(call: Call, thread: Thread) -> dict[str, Any]:
    cmid = read.integer(call.params, "cmid", 0) or read.integer(call.params, "conversation_message_id", 0)
    if not cmid:
        number = read.integer(call.params, "message_id")
        cmid = next((key for key, kept in thread.kept.items() if number and kept["id"] == number), 0)
    if cmid not in thread.kept:
        raise VkError(909 if 0 < cmid <= thread.last_cmid else 100, "" if cmid else "message_id is invalid")
    return thread.kept[cmid]


def by_numbers(call: Call) -> dict[str, Any]:
    peer_id = read.integer(call.params, "peer_id")
    thread = open_thread(call, peer_id)
    read.required(call.params, "conversation_message_ids")
    numbers = read.integers(call.params, "conversation_message_ids", 100)
    found = [thread.kept[number] for number in numbers if number in thread.kept]
    items = [shapes.shown(call.community, peer_id, message) for message in found]
    return {"count": len(items), "items": items}


def history(call: Call) -> dict[str, Any]:
    """Return a private dialog, newest first; chats are closed to communities."""
    peer_id = read.integer(call.params, "peer_id", 0) or read.integer(call.params, "user_id")
    if is_chat_peer(peer_id):
        raise VkError(15, "unavailable for calls by a community")
    thread = open_thread(call, peer_id)
    offset, count = read.integer(call.params, "offset", 0), min(read.integer(call.params, "count", 20), 200)
    newest = list(reversed(thread.kept.values()))
    items = [shapes.shown(call.community, peer_id, message) for message in newest[offset : offset + count]]
    return {"count": len(newest), "items": items}


def set_activity(call: Call) -> int:
    if call.params.get("type", "typing") not in ACTIVITIES:
        raise VkError(100, "type should be typing, audiomessage, photo, video, file or videomessage")
    open_thread(call, read.integer(call.params, "peer_id", 0) or read.integer(call.params, "user_id"))
    return 1


def mark_as_read(call: Call) -> int:
    open_thread(call, read.integer(call.params, "peer_id"))
    return 1


def send_reaction(call: Call) -> int:
    thread = open_thread(call, read.integer(call.params, "peer_id"))
    if not 1 <= read.integer(call.params, "reaction_id") <= 16:
        raise VkError(1009, text="Unknown reaction passed")
    if read.integer(call.params, "cmid") not in thread.kept:
        raise VkError(100, "cmid is invalid")
    return 1


def answer_press(call: Call) -> int:
    """Answer a pressed button once; a late or repeated answer has no such event."""
    event_id, user_id = read.required(call.params, "event_id"), read.integer(call.params, "user_id")
    peer_id = read.integer(call.params, "peer_id")
    data = read.json_object(call.params, "event_data")
    if len(call.params.get("event_data", "")) > 1000:
        raise VkError(100, "event_data is too long")
    if call.community.presses.get(event_id) != (user_id, peer_id):
        raise VkError(100, "invalid event_id")
    del call.community.presses[event_id]
    now_ms = int(call.core.clock() * 1000)
    group_id = call.community.group_id
    call.core.answers.add(
        {"group_id": group_id, "event_id": event_id, "user_id": user_id, "peer_id": peer_id, "event_data": data}
        | {"at_ms": now_ms}
    )
    return 1


METHODS = {
    "messages.edit": edit,
    "messages.delete": delete,
    "messages.getByConversationMessageId": by_numbers,
    "messages.getHistory": history,
    "messages.setActivity": set_activity,
    "messages.markAsRead": mark_as_read,
    "messages.sendReaction": send_reaction,
    "messages.sendMessageEventAnswer": answer_press,
}
