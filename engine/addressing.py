"""Is a message for this bot, and what is left of it without the address? Values in, values out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from engine.matching.normalise import normalise
from engine.message import Message

How = Literal["private", "mention", "answer", "name", "command"]

# The visible part may hold neither bracket nor bar, so that no text makes the search slow or too greedy.
_MENTION = re.compile(r"\[(club|public|event|id)(\d{1,20})\|([^\]|]*)\],?[ \t]*")
_WORD = re.compile(r"\w+")
_EDGE = " \t\r\n,.!?:;-—–()"


@dataclass(frozen=True, slots=True)
class Address:
    """How the bot was addressed; the text without our mention, and ``bare``, also without our name at its ends."""

    how: How
    text: str
    bare: str


def find_address(message: Message, group_id: int, names: tuple[str, ...]) -> Address | None:
    """Return the address, or None when the message is not for us."""
    text, is_mentioned = strip_mention(message.text, group_id)
    bare = strip_name(text, names)
    if text.startswith("/"):
        return Address("command", text, text)
    if bare.startswith("/"):
        return Address("command", bare, bare)
    if message.is_private:
        return Address("private", text, bare)
    if is_mentioned:
        return Address("mention", text, bare)
    if message.answers_to == -group_id:
        return Address("answer", text, bare)
    return Address("name", text, bare) if is_named(text, names) else None


def strip_mention(text: str, group_id: int) -> tuple[str, bool]:
    """Return ``text`` without mentions of our community, and whether there was one."""
    found = False

    def cut(match: re.Match[str]) -> str:
        nonlocal found
        if match[1] == "id" or int(match[2]) != group_id:
            return match[0]
        found = True
        return ""

    return _MENTION.sub(cut, text).strip(), found


def is_named(text: str, names: tuple[str, ...]) -> bool:
    """Does the text begin or end with one of the bot's names, as whole words?"""
    return _named_span(text, names) is not None


def strip_name(text: str, names: tuple[str, ...]) -> str:
    """Return ``text`` without a name of ours at its beginning or end; a text that is only a name stays."""
    span = _named_span(text, names)
    if span is None:
        return text
    before, after = text[: span[0]], text[span[1] :]
    rest = before.rstrip(" ,\t\r\n") + after.strip() if before.strip(_EDGE) else after.lstrip(_EDGE)
    return rest if normalise(rest) else text


def _named_span(text: str, names: tuple[str, ...]) -> tuple[int, int] | None:
    """Return where a name of ours stands: the longest one at the beginning, else at the end."""
    words = [(normalise(found[0]), found.start(), found.end()) for found in _WORD.finditer(text)]
    wanted = sorted((normalise(name).split() for name in names), key=len, reverse=True)
    for name in wanted:
        if name and [word for word, _, _ in words[: len(name)]] == name:
            return words[0][1], words[len(name) - 1][2]
    for name in wanted:
        if name and [word for word, _, _ in words[-len(name) :]] == name:
            return words[-len(name)][1], words[-1][2]
    return None
