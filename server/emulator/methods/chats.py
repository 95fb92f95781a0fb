"""``messages.*`` about conversations: who takes part, what they are called, who may write."""

from __future__ import annotations

from typing import Any

from server.emulator import messages as shapes
from server.emulator import params as read
from server.emulator.core import Call
from server.emulator.errors import VkError
from server.emulator.methods.groups import own, shown_community
from server.emulator.methods.users import shown_user
from server.emulator.world import CHAT_PEER_BASE, Chat, is_chat_peer


def _chat(call: Call, peer_id: int) -> Chat:
    chat = call.community.chat_of_peer.get(peer_id)
    if chat is None or -call.community.group_id not in chat.members:
        raise VkError(917)
    return chat


def _is_admin(call: Call, chat: Chat) -> bool:
    return -call.community.group_id in chat.admins


def members(call: Call) -> dict[str, Any]:
    """List who takes part; in a chat only for a bot that is its admin."""
    peer_id = read.integer(call.params, "peer_id")
    if not is_chat_peer(peer_id):
        ids = [peer_id, -call.community.group_id]
        return {"count": 2, "items": [{"member_id": number} for number in ids]} | _profiles(call, ids)
    chat = _chat(call, peer_id)
    if call.core.tuning.members_need_admin and not _is_admin(call, chat):
        raise VkError(917)
    offset, count = read.integer(call.params, "offset", 0), min(read.integer(call.params, "count", 20), 1000)
    page = list(chat.members)[offset : offset + count]
    items = [_member(chat, number) for number in page]
    return {"count": len(chat.members), "items": items} | _profiles(call, page)


def _member(chat: Chat, member_id: int) -> dict[str, Any]:
    view = {"member_id": member_id, "invited_by": chat.owner, "join_date": int(chat.members[member_id])}
    if member_id in chat.admins:
        view["is_admin"] = True
    if member_id == chat.owner:
        view["is_owner"] = True
    return view


def _profiles(call: Call, ids: list[int]) -> dict[str, Any]:
    world, fields = call.core.world, set(read.words(call.params, "fields", 100))
    people = [shown_user(world.user(number), fields) for number in ids if number > 0]
    groups = [shown_community(world.communities[-number]) for number in ids if -number in world.communities]
    return {"profiles": people, "groups": groups}


def by_ids(call: Call) -> dict[str, Any]:
    """Describe conversations; a chat is left out where the bot is no admin."""
    read.required(call.params, "peer_ids")
    items = []
    for peer_id in read.integers(call.params, "peer_ids", 100):
        if not is_chat_peer(peer_id):
            if peer_id in call.community.dialogs:
                items.append(_conversation(call, peer_id, None))
            continue
        chat = call.community.chat_of_peer.get(peer_id)
        if chat is not None and _is_admin(call, chat) and -call.community.group_id in chat.members:
            items.append(_conversation(call, peer_id, chat))
    return {"count": len(items), "items": items}


def _conversation(call: Call, peer_id: int, chat: Chat | None) -> dict[str, Any]:
    thread = chat.thread if chat else call.community.dialogs[peer_id].thread
    kind, local_id = ("chat", peer_id - CHAT_PEER_BASE) if chat else ("user", peer_id)
    last = thread.kept.get(thread.last_cmid, {})
    allowed = chat is not None or call.community.dialogs[peer_id].allowed
    view: dict[str, Any] = {
        "peer": {"id": peer_id, "type": kind, "local_id": local_id},
        "last_message_id": last.get("id", 0),
        "last_conversation_message_id": thread.last_cmid,
        "in_read": 0,
        "out_read": 0,
        "version": call.community.version,
        "can_write": {"allowed": True} if allowed else {"allowed": False, "reason": 901},
    }
    if chat:
        view["chat_settings"] = {
            "title": chat.title,
            "owner_id": chat.owner,
            "admin_ids": sorted(chat.admins),
            "members_count": len(chat.members),
            "active_ids": [number for number in list(chat.members)[:4] if number > 0],
            "state": "in",
            "acl": _acl(),
        }
    return view


def _acl() -> dict[str, bool]:
    allowed = ("can_change_info", "can_change_invite_link", "can_change_pin", "can_invite", "can_promote_users")
    others = ("can_see_invite_link", "can_moderate", "can_copy_chat", "can_call", "can_use_mass_mentions")
    return dict.fromkeys((*allowed, *others), True)


def is_allowed(call: Call) -> dict[str, int]:
    community = own(call)
    dialog = community.dialogs.get(read.integer(call.params, "user_id"))
    return {"is_allowed": int(bool(dialog and dialog.allowed))}


def remove_user(call: Call) -> int:
    """Put somebody out of a chat; only for admins, and never the owner."""
    chat = _chat(call, CHAT_PEER_BASE + read.integer(call.params, "chat_id"))
    member = read.integer(call.params, "member_id", 0) or read.integer(call.params, "user_id")
    if member != -call.community.group_id and not _is_admin(call, chat):
        raise VkError(925)
    if member not in chat.members:
        raise VkError(935)
    if member == chat.owner:
        raise VkError(15)
    del chat.members[member]
    chat.admins.discard(member)
    return 1


def pin(call: Call) -> dict[str, Any]:
    peer_id = read.integer(call.params, "peer_id")
    chat = _chat(call, peer_id)
    if not _is_admin(call, chat):
        raise VkError(925)
    cmid = read.integer(call.params, "cmid", 0) or read.integer(call.params, "conversation_message_id")
    quote = shapes.quoted(chat.thread, cmid, peer_id)
    if quote is None:
        raise VkError(100, "cmid is invalid")
    kept = ("date", "from_id", "text", "conversation_message_id", "peer_id")
    return {"id": 0} | {key: quote[key] for key in kept}


def unpin(call: Call) -> int:
    if not _is_admin(call, _chat(call, read.integer(call.params, "peer_id"))):
        raise VkError(925)
    return 1


METHODS = {
    "messages.getConversationMembers": members,
    "messages.getConversationsById": by_ids,
    "messages.isMessagesFromGroupAllowed": is_allowed,
    "messages.removeChatUser": remove_user,
    "messages.pin": pin,
    "messages.unpin": unpin,
}
