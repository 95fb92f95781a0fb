"""Platform commands that come from a chat: a worker asks for its job's bot and person, and with their rights only."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from concurrent.futures import Executor
from typing import Any

from db.bots import Bot
from db.errors import EXIT_FAILED, EXIT_USAGE, SaloError
from db.protocol import CommandResult
from db.texts import _, use_language
from engine.commands.declare import Face
from engine.commands.roles import role_of
from server.commands.context import Actor, PlatformContext, PlatformView, Resources
from server.commands.run import run_line

LINE_MAX = 8192  # letters; a message of VK has 4096

log = logging.getLogger(__name__)


class ChatAsks:
    """Answers what workers ask. ``executor`` runs the commands, which block."""

    def __init__(self, resources: Resources, view: PlatformView | None, executor: Executor) -> None:
        self._resources = resources
        self._view = view
        self._executor = executor

    async def answer(
        self, bot: Bot, language: str, account_id: int, person: Mapping[str, Any] | None, ask: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return the answer to ``{"id", "line"}``: ``{"id", "text", "data", "exit_code"}``. Never raises for a bad ask.

        Bot, account and person are the platform's own knowledge of the job; what the worker says of them is not asked.
        """
        actor = Actor(role_of(account_id, bot.owner, person), Face.CHAT, f"vk:{account_id}", bot.name)
        loop = asyncio.get_running_loop()
        result = await loop.run_in_executor(self._executor, self._run, actor, language, ask.get("line"))
        return {"id": ask.get("id"), "text": result.text, "data": result.data, "exit_code": result.exit_code}

    def _run(self, actor: Actor, language: str, line: object) -> CommandResult:
        with use_language(language):
            if not isinstance(line, str) or len(line) > LINE_MAX:
                return CommandResult(_("an ask needs a line of text"), exit_code=EXIT_USAGE)
            try:
                return run_line(PlatformContext(self._resources, actor, self._view), line)
            except SaloError as error:
                return CommandResult(str(error), exit_code=error.exit_code)
            except Exception:
                log.exception("command of a chat failed who=%s bot=%s", actor.who, actor.bot)
                return CommandResult(_("the command failed; the log says why"), exit_code=EXIT_FAILED)
