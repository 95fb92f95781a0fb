"""Answers what an engine worker asks during a job: a platform command, run with the rights of whoever wrote to the bot.

The rights come from the job as it was handed out, never from what the worker says.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from typing import Any

from db.bots import Bot
from db.errors import EXIT_FAILED, SaloError
from db.texts import _, use_language
from engine.commands.declare import Face
from engine.commands.roles import role_of
from server.commands.context import Actor, PlatformContext, PlatformView, Resources
from server.commands.loopview import LoopView
from server.commands.run import run_line

OnAsk = Callable[[Bot, dict[str, Any], dict[str, Any]], Awaitable[dict[str, Any]]]

log = logging.getLogger(__name__)


def answerer(resources: Resources, view: PlatformView, executor: Executor) -> OnAsk:
    """Return the function that the lanes give a worker's question to. To be called in the platform's loop."""
    loop = asyncio.get_running_loop()
    loop_view = LoopView(view, loop)

    async def answer(bot: Bot, job: dict[str, Any], ask: dict[str, Any]) -> dict[str, Any]:
        actor = _actor(bot, job)
        line, language = str(ask.get("line", "")), str(job["bot"]["language"])
        context = PlatformContext(resources, actor, loop_view)
        told = await loop.run_in_executor(executor, _run, context, line, language)
        return {"id": ask.get("id"), **told}

    return answer


def _actor(bot: Bot, job: dict[str, Any]) -> Actor:
    author = _author(job["event"])
    return Actor(role_of(author, bot.owner, job.get("person")), Face.CHAT, f"vk:{author}", bot.name)


def _author(event: dict[str, Any]) -> int:
    """Return who wrote the event; 0, who is nobody, when it does not say."""
    content = event.get("object")
    content = content if isinstance(content, dict) else {}
    message = content.get("message")
    author = message.get("from_id") if isinstance(message, dict) else content.get("user_id")
    return author if isinstance(author, int) else 0


def _run(context: PlatformContext, line: str, language: str) -> dict[str, Any]:
    with use_language(language):
        try:
            result = run_line(context, line)
        except SaloError as error:
            return {"text": str(error), "data": None, "exit_code": error.exit_code}
        except Exception:
            log.exception("command from a chat failed who=%s", context.actor.who)
            return {"text": _("this failed; the platform's log says why"), "data": None, "exit_code": EXIT_FAILED}
    return {"text": result.text, "data": result.data, "exit_code": result.exit_code}
