"""The body of /name: how the bot calls a person, kept in their row of the base."""

from __future__ import annotations

import unicodedata

from db import keys
from db.base import Base
from db.models import Applied, Network, Person
from db.scripts import Script
from db.texts import _
from engine.commands.bind import Arguments
from engine.commands.dispatch import ChatContext, bodies
from engine.commands.errors import BadCommand

NAME_MAX = 64  # letters
_MARKUP = set("[]|@*")  # a name must not mention others
_JOINER = "\u200d"  # holds emoji together; all other invisible signs are dropped

_RENAME = Script("person_rename")


@bodies.of("name")
def tell_or_set_name(context: ChatContext, args: Arguments) -> str:
    """Say how this person is called, or call them by a new name."""
    wanted = args.optional("new")
    if wanted is not None:
        return _set_name(context, clean_name(wanted))
    name = _known_name(context)
    if not name:
        return _("I do not know your name yet. Tell me: /name and the name")
    return _("I call you {name}. Another name: /name and the name").format(name=name)


def clean_name(text: str) -> str:
    """Return a name as it is kept: one line, no invisible signs. ``BadCommand`` when it cannot be a name."""
    visible = (sign for sign in text if sign == _JOINER or sign.isspace() or unicodedata.category(sign)[0] != "C")
    name = " ".join("".join(visible).split())
    if not any(unicodedata.category(sign)[0] in "LNS" for sign in name) or len(name) > NAME_MAX or _MARKUP & set(name):
        raise BadCommand(_("a name has 1 to {most} letters, and none of the signs [ ] | @ *").format(most=NAME_MAX))
    return name


def _set_name(context: ChatContext, name: str) -> str:
    """Change the name once for this event: its record and the change are one transaction."""
    base: Base = context.base()
    reply, current = base.run(lambda: _apply(context, name))
    # After the commit, and after a repeat that found it done: the copy in Redis is what the next answer reads.
    cached = keys.person(context.bot.base, context.network, context.account_id)
    _RENAME.run(context.redis, [cached], [current])
    return reply


def _apply(context: ChatContext, name: str) -> tuple[str, str]:
    """Return the reply, and the name that stands now: another event may have set it after a first try of this one."""
    done = Applied.get_or_none(Applied.bot_id == context.bot.bot_id, Applied.event_id == context.event_id)
    if done is not None:
        return str(done.reply), _stored_name(context)
    reply = _("From now on I call you {name}.").format(name=name)
    Applied.create(bot_id=context.bot.bot_id, event_id=context.event_id, reply=reply)
    known = context.person or {}
    Person.insert(
        account_id=str(context.account_id),
        social_network_id=Network(context.network),
        fi_name=str(known.get("fi_name", "")),
        la_name=str(known.get("la_name", "")),
        user_name=name,
    ).on_conflict(update={Person.user_name: name}).execute()
    return reply, name


def _known_name(context: ChatContext) -> str:
    known = context.person or {}
    name = str(known.get("user_name") or known.get("fi_name") or "")
    if name:
        return name
    base: Base = context.base()
    return base.run(lambda: _stored_name(context))


def _stored_name(context: ChatContext) -> str:
    row = Person.get_or_none(
        Person.account_id == str(context.account_id), Person.social_network_id == Network(context.network)
    )
    return "" if row is None else str(row.user_name or row.fi_name)
