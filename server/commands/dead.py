"""The bodies of ``dead list|show|replay|drop``: events, and rows of a journal, that were given up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from db.dead import JOURNAL, DeadLetter, DeadLetters
from db.protocol import CommandResult
from db.texts import _, ngettext
from engine.commands.bind import Arguments
from server.commands.context import PlatformContext
from server.commands.queue import message_text, pretty
from server.commands.run import bodies
from server.commands.tables import age, table


@bodies.of("dead list")
def list_dead(context: PlatformContext, args: Arguments) -> CommandResult:
    """List the newest dead letters that this actor may see."""
    letters = DeadLetters(context.redis)
    found = letters.page(args.text("before"), args.integer("count"))
    mine = [letter for letter in found if context.actor.bot in ("", letter.bot)]
    if not mine:
        return CommandResult(_("there are no dead letters"), [])
    heads = (_("id"), _("bot"), _("age"), _("conversation"), _("attempts"), _("reason"), _("text"))
    text = table(heads, (_row(letter) for letter in mine))
    if not context.actor.bot:
        total = letters.count()
        text += "\n" + ngettext("{count} dead letter in all", "{count} dead letters in all", total).format(count=total)
    return CommandResult(text, [asdict(letter) for letter in mine])


def _row(letter: DeadLetter) -> tuple[object, ...]:
    owner, peer_id, said = letter.bot, letter.peer_id, message_text(letter.event)
    if letter.type == JOURNAL:
        row: Mapping[str, Any] = letter.event if isinstance(letter.event, dict) else {}
        owner, peer_id, said = _("base {name}").format(name=letter.base), row.get("peer_id", ""), row.get("rx", "")
    return (letter.id, owner, age(letter.at_ms), peer_id, letter.attempts, letter.reason, said)


@bodies.of("dead show")
def show_dead(context: PlatformContext, args: Arguments) -> CommandResult:
    """Show all of one dead letter."""
    letter = _letter(context, args)
    facts = asdict(letter)
    trace = facts.pop("trace")
    event = facts.pop("event")
    text = table((_("fact"), _("value")), facts.items())
    parts = [text, pretty(event), *([trace] if trace else [])]
    return CommandResult("\n".join(parts), asdict(letter))


@bodies.of("dead replay")
def replay_dead(context: PlatformContext, args: Arguments) -> CommandResult:
    """Put one back into its bot's inbox, or its base's journal."""
    letter = _letter(context, args)
    entry = DeadLetters(context.redis).replay(letter.id)
    if letter.type == JOURNAL:
        text = _("dead letter {id} waits in the journal of base {base} again").format(id=letter.id, base=letter.base)
    else:
        text = _("dead letter {id} waits for bot {bot} again").format(id=letter.id, bot=letter.bot)
    return CommandResult(text, {"id": letter.id, "bot": letter.bot, "base": letter.base, "entry": entry})


@bodies.of("dead drop")
def drop_dead(context: PlatformContext, args: Arguments) -> CommandResult:
    """Forget one."""
    letter = _letter(context, args)
    DeadLetters(context.redis).drop(letter.id)
    return CommandResult(_("dead letter {id} is forgotten").format(id=letter.id), {"id": letter.id})


def _letter(context: PlatformContext, args: Arguments) -> DeadLetter:
    letter = DeadLetters(context.redis).show(args.text("id"))
    context.check_bot(letter.bot)
    return letter
