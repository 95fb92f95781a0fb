"""The bodies of ``queue list|show|drop``: what waits in the inboxes."""

from __future__ import annotations

from typing import Any

from db import codec
from db.protocol import CommandResult
from db.queue import Queue, Waiting
from db.texts import _
from engine.commands.bind import Arguments
from server.commands.context import PlatformContext
from server.commands.run import bodies
from server.commands.tables import age, table


@bodies.of("queue list")
def list_queues(context: PlatformContext, args: Arguments) -> CommandResult:
    """Say how much waits for each bot."""
    names = [bot.name for bot in context.bots.list() if context.actor.bot in ("", bot.name)]
    counts = Queue(context.redis).counts(names)
    return CommandResult(table((_("bot"), _("waiting")), counts.items()), counts)


@bodies.of("queue show")
def show_queue(context: PlatformContext, args: Arguments) -> CommandResult:
    """Show what waits longest for one bot."""
    bot = context.bots.get(args.text("bot")).name
    context.check_bot(bot)
    found = Queue(context.redis).page(bot, size=args.integer("count"))
    if not found:
        return CommandResult(_("nothing waits for bot {name}").format(name=bot), [])
    heads = (_("entry"), _("type"), _("conversation"), _("from"), _("age"), _("attempts"), _("text"))
    rows = [_row(item) for item in found]
    return CommandResult(table(heads, rows), [_data(item) for item in found])


def _row(item: Waiting) -> tuple[object, ...]:
    entry = item.entry
    said = message_text(item.event) or item.tried.reason
    return (entry.entry, entry.type, entry.peer_id, entry.from_id, age(entry.accepted_ms), item.tried.attempts, said)


def _data(item: Waiting) -> dict[str, Any]:
    entry, tried = item.entry, item.tried
    return {
        "entry": entry.entry,
        "type": entry.type,
        "peer_id": entry.peer_id,
        "from_id": entry.from_id,
        "event_id": entry.event_id,
        "accepted_ms": entry.accepted_ms,
        "attempts": tried.attempts,
        "due_ms": tried.due_ms,
        "reason": tried.reason,
        "event": item.event,
    }


@bodies.of("queue drop")
def drop_waiting(context: PlatformContext, args: Arguments) -> CommandResult:
    """Throw away one event that waits."""
    bot, entry = context.bots.get(args.text("bot")).name, args.text("entry")
    context.check_bot(bot)
    Queue(context.redis).drop(bot, entry)
    return CommandResult(_("event {entry} of bot {name} is thrown away").format(entry=entry, name=bot))


def message_text(event: Any) -> str:
    """Return the text of a message event, or nothing for any other."""
    try:
        return str(event["object"]["message"]["text"])
    except (KeyError, TypeError):
        return ""


def pretty(event: Any) -> str:
    """Return an event as a line of JSON."""
    return event if isinstance(event, str) else codec.dumps(event).decode()
