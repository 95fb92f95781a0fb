"""What waits, and what was given up: inboxes and dead letters. In a chat, an owner sees those of that bot only."""

from __future__ import annotations

from db.texts import N_
from engine.commands.declare import EVERYWHERE, Declaration, Parameter
from engine.commands.values import BOT, ENTRY, LETTER, count

_LETTER = Parameter("id", N_("id of the dead letter"), LETTER, required=True, positional=True)
_COUNT = Parameter("count", N_("how many at most"), count(200), default=20)

DECLARATIONS = (
    Declaration(
        name="queue list",
        aliases=("queue", "очередь", "очереди"),
        summary=N_("says how much waits in each bot's inbox"),
        faces=EVERYWHERE,
    ),
    Declaration(
        name="queue show",
        aliases=("очередь покажи",),
        summary=N_("shows what waits longest in a bot's inbox"),
        parameters=(Parameter("bot", N_("name of the bot"), BOT, required=True, positional=True), _COUNT),
        faces=EVERYWHERE,
    ),
    Declaration(
        name="queue drop",
        aliases=("очередь удали",),
        summary=N_("throws away an event that waits, unanswered"),
        parameters=(
            Parameter("bot", N_("name of the bot"), BOT, required=True, positional=True),
            Parameter("entry", N_("its entry, as in /queue show"), ENTRY, required=True, positional=True),
        ),
        changing=True,
        destructive=True,
        danger=2,
        effect=N_("The message will never be answered."),
        faces=EVERYWHERE,
    ),
    Declaration(
        name="dead list",
        aliases=("dead", "отказы"),
        summary=N_("lists the dead letters, newest first"),
        parameters=(_COUNT, Parameter("before", N_("only those older than this one"), LETTER, default="")),
        faces=EVERYWHERE,
    ),
    Declaration(
        name="dead show",
        aliases=("отказ покажи",),
        summary=N_("shows a dead letter: the event, and why it was buried"),
        parameters=(_LETTER,),
        faces=EVERYWHERE,
    ),
    Declaration(
        name="dead replay",
        aliases=("отказ повтори",),
        summary=N_("puts a dead letter back where it came from, once"),
        parameters=(_LETTER,),
        changing=True,
        danger=1,
        effect=N_("It is handled once more, and its chatter may get a late reply."),
        faces=EVERYWHERE,
    ),
    Declaration(
        name="dead drop",
        aliases=("отказ удали",),
        summary=N_("forgets a dead letter"),
        parameters=(_LETTER,),
        changing=True,
        destructive=True,
        danger=2,
        effect=N_("The event is gone for good and will never be answered."),
        faces=EVERYWHERE,
    ),
)
