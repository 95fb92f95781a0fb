"""The body of ``check``: are the settings right, and does what they name exist? Starts nothing."""

from __future__ import annotations

import shlex

from db.links import is_maria_embedded, is_redis_embedded
from db.protocol import CommandResult
from db.texts import _
from engine.commands.bind import Arguments
from server.commands.context import PlatformContext
from server.commands.run import bodies
from server.engine_check import check_engine
from server.storage.check import check_external
from server.storage.programs import maria_program, redis_program


@bodies.of("check")
def check(context: PlatformContext, args: Arguments) -> CommandResult:
    """Say what the settings lead to. They were read, and so checked, before this runs."""
    settings = context.settings
    check_engine(settings)
    warnings = check_external(settings)
    facts = {
        "settings": str(settings.source),
        "home": str(settings.home),
        "redis": _redis(context),
        "mariadb": str(maria_program()) if is_maria_embedded(settings) else settings.storage.mariadb,
        "api_url": settings.vk.api_url,
        **({"engine": shlex.join(settings.engine.command)} if settings.engine.command else {}),
    }
    lines = [f"{name}: {value}" for name, value in facts.items()]
    lines += [_("warning: {text}").format(text=warning) for warning in warnings]
    lines.append(_("the settings are right"))
    return CommandResult("\n".join(lines), {**facts, "warnings": warnings})


def _redis(context: PlatformContext) -> str:
    settings = context.settings
    if not is_redis_embedded(settings):
        return settings.storage.redis
    settings.state.prepare()  # a link to the program may have to be made there
    return str(redis_program(settings.state.redis))
