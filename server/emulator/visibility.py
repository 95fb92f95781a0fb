"""Which messages of a chat a community gets to see: all, or those that mention it or begin with ``/``. Pure."""

from __future__ import annotations

import re
from typing import Any

from server.emulator.world import Chat

_MENTION = re.compile(r"\[(?:club|public|event)(\d+)\|")


def sees(chat: Chat, group_id: int, message: dict[str, Any], *, replies: bool) -> bool:
    """Tell whether community ``group_id`` gets ``message``; ``replies``: also those to its own messages.

    An admin sees everything. A community always learns that it was invited, before it was given any rights.
    """
    if group_id not in chat.mentions_only or -group_id in chat.admins:
        return True
    action = message.get("action")
    if action:
        return isinstance(action, dict) and action.get("member_id") == -group_id
    if message["text"].startswith("/") or str(group_id) in _MENTION.findall(message["text"]):
        return True
    return replies and (message.get("reply_message") or {}).get("from_id") == -group_id
