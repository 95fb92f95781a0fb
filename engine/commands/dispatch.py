"""Runs a command that somebody wrote to a bot: reads the line, checks the rights, calls the body, returns the reply.

The engine's door to the commands. What a body may touch is in ``ChatContext``; nothing here sends anything.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from redis import Redis

from db.errors import StorageUnavailable
from db.protocol import CommandResult
from db.texts import _, use_language
from engine.commands.bind import Arguments
from engine.commands.bodies import Bodies
from engine.commands.declare import Face
from engine.commands.errors import CommandError
from engine.commands.grammar import read_name
from engine.commands.registry import registry
from engine.commands.roles import Role, require
from engine.errors import BaseUnavailable
from engine.job import BotCard
from engine.matching.inquiry import Inquiry

_COMMAND = re.compile(r"/[^\W\d_]")
_BODY_MODULES = ("engine.commands.bot_talk", "engine.commands.bot_name")


def _no_inquiry(phrase: str) -> Inquiry:
    raise BaseUnavailable("phrases cannot be looked up from here")


@dataclass(frozen=True, slots=True)
class ChatContext:
    """Who wrote which message to which bot, and what a command may use. Clients connect at their first use."""

    bot: BotCard
    event_id: str
    peer_id: int
    account_id: int
    person: Mapping[str, Any] | None
    role: Role
    base: Callable[[], Any]  # opens the bot's base
    redis: Redis  # database 0
    bot_redis: Redis  # the bot's own database
    ask: Callable[[str], CommandResult] | None = None  # a platform command, run with this person's rights
    picked: bool = True  # the bot was spoken to: a private dialog, a mention, a reply to it
    network: str = "vk"
    inquire: Callable[[str], Inquiry] = _no_inquiry  # what this bot would do with a phrase


ChatBody = Callable[[ChatContext, Arguments], str]
bodies: Bodies[ChatBody] = Bodies("bot")


def is_command(text: str) -> bool:
    """Return whether ``text`` has the form of a command: a slash and a letter."""
    return _COMMAND.match(text) is not None


def run_chat_command(text: str, context: ChatContext) -> str | None:
    """Return the reply to a command; ``None`` when ``text`` is none; empty when it is not ours to answer.

    Not ours are ``/name@another_bot`` and, where the bot was not picked, commands that only another bot may know.
    Errors of the storage become a reply that says so; bugs escape to the caller.
    """
    if not is_command(text):
        return None
    with use_language(context.bot.language):
        try:
            return _run(text, context)
        except StorageUnavailable:
            return _("I cannot get at my base just now; please try again a little later")
        except CommandError as error:
            return _sentence(str(error))


def _run(text: str, context: ChatContext) -> str:
    if context.role <= Role.BANNED:
        return ""
    found = registry().lookup(text)
    if found is None or Face.CHAT not in found.declaration.faces:
        _name, target = read_name(text.split(maxsplit=1)[:1])
        ours = context.picked if target is None else _is_us(target, context)
        return _sentence(registry().unknown(text, Face.CHAT)) if ours else ""
    if found.target is not None and not _is_us(found.target, context):
        return ""
    require(context.role, found.declaration.role, found.declaration.name)
    if found.declaration.scope == "platform":
        return _ask_platform(text, context)
    load_bodies()
    return bodies.get(found.declaration)(context, found.arguments())


def _is_us(target: str, context: ChatContext) -> bool:
    """Return whether ``/name@target`` means this bot: by its name, or by what VK makes of a community's address."""
    ours = {context.bot.name, *context.bot.names}
    ours |= {f"{kind}{context.bot.group_id}" for kind in ("club", "public", "event")}
    return target.casefold() in {name.casefold() for name in ours}


def _ask_platform(text: str, context: ChatContext) -> str:
    if context.ask is None:
        return _("the platform cannot be asked from here")
    return context.ask(text).text


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def load_bodies() -> None:
    """Import the modules that hold the bodies; a warm process does it before its first message."""
    for name in _BODY_MODULES:
        importlib.import_module(name)
