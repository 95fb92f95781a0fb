"""The methods of the emulated API, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from server.emulator.core import Call
from server.emulator.methods import callbacks, chats, groups, messages, sending, users

METHODS: dict[str, Callable[[Call], Any]] = {
    **users.METHODS,
    **groups.METHODS,
    **callbacks.METHODS,
    **sending.METHODS,
    **messages.METHODS,
    **chats.METHODS,
}

# Those of VK's schema that a community's token cannot call; they answer 27.
USER_ONLY = frozenset(
    {
        "messages.addChatUser",
        "messages.addChatUsers",
        "messages.allowMessagesFromGroup",
        "messages.denyMessagesFromGroup",
        "messages.getChat",
        "messages.getChatPreview",
        "messages.getLastActivity",
        "messages.getReactionsAssets",
        "messages.joinChatByInviteLink",
        "messages.markAsImportant",
        "messages.markReactionsAsRead",
        "messages.muteChatMentions",
        "utils.deleteFromLastShortened",
        "utils.getLastShortenedLinks",
    }
)
