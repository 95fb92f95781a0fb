"""The methods of the emulated API, by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from server.emulator.core import Call
from server.emulator.errors import VkError
from server.emulator.methods import callbacks, chats, groups, messages, scripts, sending, users


def perform(method: str, call: Call) -> Any:
    """Run one method for a community's token; raises 27 for what needs a user's and 3 for an unknown one."""
    if method in USER_ONLY:
        raise VkError(27, "method is unavailable with group auth.")
    run = METHODS.get(method)
    if run is None:
        raise VkError(3)
    return run(call)


METHODS: dict[str, Callable[[Call], Any]] = {
    **users.METHODS,
    **groups.METHODS,
    **callbacks.METHODS,
    **sending.METHODS,
    **messages.METHODS,
    **chats.METHODS,
    "execute": partial(scripts.execute, perform=perform),
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
