"""VK's error codes, their texts, and the exception that a method raises to answer with one.

The texts are VK's own (`errors.json` of its schema and its documentation); clients parse their tails.
"""

from __future__ import annotations

from typing import Any

from db.errors import EXIT_USAGE, SaloError

TEXTS: dict[int, str] = {
    1: "Unknown error occurred",
    2: "Application is disabled. Enable your application or use test mode",
    3: "Unknown method passed",
    5: "User authorization failed",
    6: "Too many requests per second",
    7: "Permission to perform this action is denied",
    8: "Invalid request",
    9: "Flood control",
    10: "Internal server error",
    12: "Unable to compile code",
    13: "Runtime error occurred during code invocation",
    14: "Captcha needed",
    15: "Access denied",
    17: "Validation required",
    18: "User was deleted or banned",
    23: "This method was disabled",
    27: "Group authorization failed",
    28: "Application authorization failed",
    29: "Rate limit reached",
    36: "Method execution was interrupted due to timeout",
    42: "IP is not allowed",
    100: "One of the parameters specified was missing or invalid",
    104: "Not found",
    113: "Invalid user id",
    125: "Invalid group id",
    900: "Can't send messages for users from blacklist",
    901: "Can't send messages for users without permission",
    902: "Can't send messages to this user due to their privacy settings",
    909: "Can't edit this message, because it's too old",
    910: "Can't sent this message, because it's too big",
    911: "Keyboard format is invalid",
    912: "This is a chat bot feature, change this status in settings",
    914: "Message is too long",
    917: "You don't have access to this chat",
    920: "Can't edit this kind of message",
    921: "Can't forward these messages",
    924: "Can't delete this message for everybody",
    925: "You are not admin of this chat",
    927: "Chat does not exist",
    932: "Your community can't interact with this peer",
    935: "User not found in chat",
    945: "Chat was disabled",
    983: "You are restricted to write to a chat",
    1117: "Access token has expired",
    2000: "Servers number limit is reached",
}


class VkError(Exception):
    """The answer of a method that refuses: ``code``, its text with an optional tail, and VK's extra fields."""

    def __init__(self, code: int, tail: str = "", *, text: str | None = None, **extra: Any) -> None:
        self.code = code
        base = text if text is not None else TEXTS.get(code, "Unknown error occurred")
        self.text = f"{base}: {tail}" if tail else base
        self.extra = extra
        super().__init__(f"{code} {self.text}")


class BadOrder(SaloError):
    """A request to the control interface that makes no sense; becomes HTTP 400."""

    exit_code = EXIT_USAGE
