"""The bodies of ``base create|list|drop``."""

from __future__ import annotations

from dataclasses import asdict

from db.protocol import CommandResult
from db.texts import _
from engine.commands.bind import Arguments
from server.commands.context import PlatformContext
from server.commands.run import bodies
from server.commands.tables import table


@bodies.of("base create")
def create(context: PlatformContext, args: Arguments) -> CommandResult:
    """Create an empty base."""
    info = context.bases.create(args.text("name"), args.text("title"))
    return CommandResult(_("base {name} is created").format(name=info.name), asdict(info))


@bodies.of("base list")
def list_bases(context: PlatformContext, args: Arguments) -> CommandResult:
    """List the bases with what is in them."""
    found = context.bases.with_counts()
    rows = [(info.name, info.title, item.answers, item.unsolved, item.people, item.bots) for info, item in found]
    heads = (_("base"), _("title"), _("answers"), _("unsolved"), _("people"), _("bots"))
    text = table(heads, rows) if rows else _("there are no bases; create one: salo base create NAME")
    return CommandResult(text, [{**asdict(info), **asdict(counts)} for info, counts in found])


@bodies.of("base drop")
def drop(context: PlatformContext, args: Arguments) -> CommandResult:
    """Drop a base that no bot uses."""
    name = args.text("name")
    context.bases.drop(name)
    return CommandResult(_("base {name} is dropped").format(name=name), {"name": name})
