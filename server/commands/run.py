"""Runs one platform command: rights, body, audit; errors of the storage become such as people can act on."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from peewee import PeeweeException
from redis import RedisError

from db import audit
from db.errors import EXIT_FAILED, SaloError, StorageUnavailable
from db.protocol import CommandResult
from db.texts import _
from engine.commands.bind import Arguments
from engine.commands.bodies import Bodies
from engine.commands.declare import Declaration, Needs
from engine.commands.grammar import ParsedLine, format
from engine.commands.registry import registry
from engine.commands.roles import require
from server.commands.context import PlatformContext

PlatformBody = Callable[[PlatformContext, Arguments], CommandResult]
bodies: Bodies[PlatformBody] = Bodies("platform")

_BODY_MODULES = (
    "bases",
    "bots",
    "check",
    "dead",
    "keys",
    "matching",
    "platform",
    "queue",
    "tickers",
    "transfer",
    "unsolved",
)
_HIDDEN = "***"

log = logging.getLogger(__name__)


def load_bodies() -> None:
    """Import the modules that hold the bodies."""
    for name in _BODY_MODULES:
        importlib.import_module(f"server.commands.{name}")


def run_line(context: PlatformContext, line: str) -> CommandResult:
    """Run one line as typed. Raises ``SaloError``; whatever else escapes is a bug."""
    found = registry().find(line)
    return run_command(context, found.declaration, found.arguments())


def run_command(context: PlatformContext, declaration: Declaration, args: Arguments) -> CommandResult:
    """Check the rights now, run the body, and write down what a changing command did or tried. Blocks."""
    load_bodies()
    actor = context.actor
    if declaration.scope != "platform" or actor.face not in declaration.faces:
        raise SaloError(_("/{command} is not for here").format(command=declaration.name))
    require(actor.role, declaration.role, declaration.name)
    try:
        with _storage_errors():
            if declaration.needs is Needs.STORAGE and context.platform is not None:
                context.platform.wait_storage()
            result = bodies.get(declaration)(context, args)
    except SaloError as error:
        _write_down(context, declaration, args, error.exit_code, str(error))
        raise
    except Exception as error:
        _write_down(context, declaration, args, EXIT_FAILED, type(error).__name__)
        raise
    _write_down(context, declaration, args, result.exit_code, "")
    return result


@contextmanager
def _storage_errors() -> Iterator[None]:
    try:
        yield
    except RedisError as error:
        raise StorageUnavailable(_("Redis refuses or cannot be reached: {reason}").format(reason=error)) from error
    except PeeweeException as error:
        raise StorageUnavailable(_("MariaDB refuses: {reason}").format(reason=error)) from error


def _write_down(
    context: PlatformContext, declaration: Declaration, args: Arguments, exit_code: int, error: str
) -> None:
    """Audit a changing command, or log that it could not be: what is done is done, and its result counts.

    What a command says is not kept, since it may show a new secret.
    """
    line = shown_line(declaration, args)
    if not declaration.changing:
        return
    actor = context.actor
    log.info("command ran line=%s who=%s face=%s exit_code=%d", line, actor.who, actor.face, exit_code)
    if declaration.needs == "settings":
        return
    try:
        audit.write(context.redis, audit.AuditRecord(actor.who, actor.face, line, exit_code, error))
    except (RedisError, SaloError) as refusal:  # SaloError: an embedded Redis that starts has no password yet
        log.warning("command not audited line=%s error=%s", line, refusal)


def shown_line(declaration: Declaration, args: Arguments) -> str:
    """Return the line that would run this again, secrets hidden and defaults left out."""
    named: dict[str, str | None] = {}
    lists: dict[str, list[str]] = {}
    flags: set[str] = set()
    positional: list[str] = []
    for parameter in declaration.parameters:
        value = args[parameter.name]
        if value is None or value == parameter.default or value == [] or value is False:
            continue
        if parameter.flag:
            flags.add(parameter.name)
        elif parameter.secret:
            named[parameter.name] = _HIDDEN
        elif parameter.many and not parameter.positional:
            lists[parameter.name] = [str(item) for item in value]
        elif parameter.positional:
            positional += [str(item) for item in value] if parameter.many else [str(value)]
        else:
            named[parameter.name] = str(value)
    return format(ParsedLine(declaration.name, positional, named, lists, frozenset(flags)))
