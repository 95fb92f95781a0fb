"""Phrases that no bot could answer. In a chat, a moderator sees and answers those of that bot only."""

from __future__ import annotations

from db.texts import N_
from engine.commands.declare import EVERYWHERE, Declaration, Parameter
from engine.commands.roles import Role
from engine.commands.values import BASE, BOT, TEXT, choice, count

OFFSET_MAX = 10_000
_PHRASE = Parameter("id", N_("id of the phrase: main/12"), TEXT, required=True, positional=True)

DECLARATIONS = (
    Declaration(
        name="unsolved list",
        aliases=("unsolved", "неотвеченное"),
        summary=N_("lists the phrases that have no answer yet, the last asked first"),
        role=Role.MODERATOR,
        parameters=(
            Parameter("bot", N_("only those asked of this bot"), BOT, aliases=("бот",)),
            Parameter("base", N_("only those of this base"), BASE, aliases=("база",)),
            Parameter("status", N_("which of them"), choice("open", "answered", "rejected", "all"), default="open"),
            Parameter("count", N_("how many at most"), count(200), default=20),
            Parameter("offset", N_("how many to leave out at the beginning"), count(OFFSET_MAX, least=0), default=0),
        ),
        faces=EVERYWHERE,
    ),
    Declaration(
        name="unsolved show",
        aliases=("неотвеченное покажи",),
        summary=N_("shows a phrase: who asked it, what became of it, and the nearest known phrases"),
        role=Role.MODERATOR,
        parameters=(_PHRASE,),
        faces=EVERYWHERE,
    ),
    Declaration(
        name="unsolved answer",
        aliases=("неотвеченное ответь",),
        summary=N_("gives a phrase its answer, which bots say from the next message on"),
        help=N_(
            "The answer is for every bot on the base, or with -own for the one that was asked; given in a chat, it is "
            "always for that bot. {user_name}, {fi_name}, {la_name} and {bot_name} become names."
        ),
        role=Role.MODERATOR,
        parameters=(
            _PHRASE,
            Parameter("text", N_("what to answer"), TEXT, required=True, positional=True, rest=True),
            Parameter("own", N_("only for the bot that was asked"), flag=True),
        ),
        changing=True,
        faces=EVERYWHERE,
    ),
    Declaration(
        name="unsolved reject",
        aliases=("неотвеченное отклони",),
        summary=N_("sets a phrase aside: it gets no answer"),
        role=Role.MODERATOR,
        parameters=(_PHRASE,),
        changing=True,
        danger=1,
        effect=N_("The phrase leaves the list, however often it is asked; “unsolved reopen” brings it back."),
        faces=EVERYWHERE,
    ),
    Declaration(
        name="unsolved reopen",
        aliases=("неотвеченное верни",),
        summary=N_("lets a phrase wait for an answer again; the one it was given is taken back"),
        role=Role.MODERATOR,
        parameters=(_PHRASE,),
        changing=True,
        danger=1,
        effect=N_("The phrase waits again; bots do not say the answer that it was given any more."),
        faces=EVERYWHERE,
    ),
)
