"""What everybody may ask a bot in a conversation."""

from __future__ import annotations

from db.texts import N_
from engine.commands.declare import Declaration, Face, Parameter
from engine.commands.roles import Role
from engine.commands.values import COMMAND

_CHAT = frozenset({Face.CHAT})

DECLARATIONS = (
    Declaration(
        name="help",
        aliases=("помощь", "команды", "h"),
        summary=N_("what I can do"),
        help=N_("Lists the commands that you may use; with a name, tells about that one."),
        scope="bot",
        role=Role.USER,
        parameters=(Parameter("command", N_("the command to tell about"), COMMAND, positional=True, rest=True),),
        faces=_CHAT,
    ),
    Declaration(
        name="name",
        aliases=("имя",),
        summary=N_("how I call you"),
        help=N_("Says how I call you; with a new name, I call you by that from now on."),
        scope="bot",
        role=Role.USER,
        parameters=(Parameter("new", N_("the new name"), positional=True, rest=True, aliases=("новое",)),),
        changing=True,
        faces=_CHAT,
    ),
    Declaration(
        name="about",
        aliases=("о боте", "бот"),
        summary=N_("who I am"),
        scope="bot",
        role=Role.USER,
        faces=_CHAT,
    ),
    Declaration(
        name="why",
        aliases=("почему",),
        summary=N_("why I gave my last answer, or none"),
        help=N_("Says which phrase of mine your message, or the phrase you name, is nearest to, and how it differs."),
        scope="bot",
        role=Role.USER,
        parameters=(Parameter("phrase", N_("another phrase to explain"), positional=True, rest=True),),
        faces=_CHAT,
    ),
)
