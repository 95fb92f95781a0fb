"""The bodies of /help, /about and /why: what a bot tells about itself."""

from __future__ import annotations

from db import keys
from db.texts import _
from db.version import VERSION
from engine.commands.bind import Arguments
from engine.commands.declare import Face
from engine.commands.dispatch import ChatContext, bodies
from engine.commands.errors import BadCommand
from engine.commands.helping import help_list, help_page
from engine.commands.registry import registry
from engine.matching.explain import reasons
from engine.matching.readings import readings

NEAREST_MAX = 3  # phrases that /why names


@bodies.of("help")
def tell_help(context: ChatContext, args: Arguments) -> str:
    """List what this person may use, or tell about one command."""
    mine = [item for item in registry().of_face(Face.CHAT) if item.role <= context.role]
    wanted = args.optional("command")
    if wanted is None:
        return _("What I can do:") + "\n" + help_list(mine)
    found = registry().lookup(wanted)
    if found is None or found.declaration not in mine:
        raise BadCommand(registry().unknown(wanted, Face.CHAT))
    return help_page(found.declaration)


@bodies.of("about")
def tell_about(context: ChatContext, args: Arguments) -> str:
    """Say who the bot is and what it runs on."""
    title = context.bot.title or context.bot.name
    lines = [_("I am {title}, a bot on Salo-G2 {version}.").format(title=title, version=VERSION)]
    if context.bot.names:
        lines.append(_("In a chat, call me {names}.").format(names=_(" or ").join(context.bot.names)))
    lines.append(_("/help lists what I can do."))
    return "\n".join(lines)


@bodies.of("why")
def tell_why(context: ChatContext, args: Arguments) -> str:
    """Say which phrase the last answer in this conversation came from, as the worker noted it, or explain another."""
    asked = args.optional("phrase")
    if asked is not None:
        return _explained(context, asked)
    names = ("last_rx", "last_phrase", "last_score", "last_answer_id")
    said, phrase, score, answer = context.bot_redis.hmget(keys.peer(context.peer_id), names)
    if not phrase:
        return _("I have not answered anything here lately.")
    lines = [_("You wrote: {text}").format(text=_text(said)), _("I know: {phrase}").format(phrase=_text(phrase))]
    if score:
        lines.append(_("They are alike by {percent} %.").format(percent=round(float(score) * 100)))
    lines += _differences(_text(said), _text(phrase))
    if answer:
        lines.append(_("It is answer {id} of my base.").format(id=_text(answer)))
    return "\n".join(lines)


def _differences(said: str, phrase: str) -> list[str]:
    """Return how what was said differs from the phrase that it was taken for."""
    forms = readings(said)
    told = [reason.told() for reason in reasons(forms[0], phrase if phrase in forms else forms[0], phrase)]
    return [_("The difference: {reasons}.").format(reasons="; ".join(told))] if told and forms[0] != phrase else []


def _explained(context: ChatContext, phrase: str) -> str:
    """Say what I would do with a phrase, and the phrases that are nearest to it."""
    found = context.inquire(phrase)
    words = {"answer": _("I would answer this."), "suggest": _("I would not answer this, but suggest it."),
             "unsolved": _("I would not answer this.")}  # fmt: skip
    lines = [words[found.decision]]
    for item in found.candidates[:NEAREST_MAX]:
        why = "; ".join(found.why(item))
        percent = round(item.score * 100)
        lines.append(_("{percent} %: {phrase} ({why})").format(percent=percent, phrase=item.phrase, why=why))
    return "\n".join(lines)


def _text(raw: bytes | str | None) -> str:
    return raw.decode(errors="replace") if isinstance(raw, bytes) else raw or ""
