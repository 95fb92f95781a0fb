"""Bots: the VK community accounts that Salo speaks for."""

from __future__ import annotations

from db.bots import TRANSPORTS
from db.texts import N_
from engine.commands.declare import EVERYWHERE, Declaration, Parameter
from engine.commands.values import BASE, BOT, ID, NEW_BOT, SCORE, choice

TRANSPORT = choice(*TRANSPORTS)

_NEW = Parameter("name", N_("name of the bot"), NEW_BOT, required=True, positional=True)
_NAME = Parameter("name", N_("name of the bot"), BOT, required=True, positional=True)

DECLARATIONS = (
    Declaration(
        name="bot add",
        aliases=("бот добавь",),
        summary=N_("adds a bot"),
        help=N_("The secret is generated and shown when none is given; write it into the callback settings of VK."),
        parameters=(
            _NEW,
            Parameter("group-id", N_("id of the VK community"), ID, required=True),
            Parameter("base", N_("base with its answers"), BASE, required=True),
            Parameter("token", N_("access token of the community"), required=True, secret=True, from_file=True),
            Parameter("secret", N_("callback secret"), secret=True),
            Parameter("confirmation", N_("confirmation code of the callback server"), secret=True),
            Parameter("owner", N_("VK id of the owner"), ID),
            Parameter("title", N_("title for people"), default=""),
            Parameter("names", N_("what it is called in a chat"), many=True),
            Parameter("transport", N_("how its events come"), TRANSPORT, default="callback"),
        ),
        changing=True,
    ),
    Declaration(
        name="bot list",
        aliases=("bots", "боты"),
        summary=N_("lists the bots"),
    ),
    Declaration(
        name="bot show",
        aliases=("бот покажи",),
        summary=N_("shows a bot and its settings"),
        parameters=(_NAME,),
    ),
    Declaration(
        name="bot token",
        aliases=("бот токен",),
        summary=N_("gives a bot another access token, which counts at once"),
        parameters=(
            _NAME,
            Parameter("token", N_("access token of the community"), required=True, secret=True, from_file=True),
        ),
        changing=True,
        danger=1,
        effect=N_("The bot speaks with the new token from now on; the old one is forgotten."),
    ),
    Declaration(
        name="bot transport",
        aliases=("бот доставка",),
        summary=N_("lets a bot's events come another way"),
        help=N_(
            "By callback VK posts them to our public address; by long poll we ask for them, and need none. With "
            "both, one catches what the other drops."
        ),
        parameters=(
            _NAME,
            Parameter("transport", N_("how its events come"), TRANSPORT, required=True, positional=True),
        ),
        changing=True,
    ),
    Declaration(
        name="bot set",
        aliases=("set", "настрой"),
        summary=N_("changes settings of a bot"),
        help=N_("The word default gives a setting back to the base and the settings file."),
        parameters=(
            Parameter("name", N_("name of the bot; in a chat, that of the chat"), BOT, default="", positional=True),
            Parameter("threshold", N_("likelihood (0 to 1) from which a phrase is answered"), SCORE),
            Parameter("suggest-threshold", N_("likelihood (0 to 1) from which it is suggested instead"), SCORE),
        ),
        changing=True,
        faces=EVERYWHERE,
    ),
    Declaration(
        name="bot enable",
        aliases=("бот включи",),
        summary=N_("lets a bot answer"),
        parameters=(_NAME,),
        changing=True,
    ),
    Declaration(
        name="bot disable",
        aliases=("бот выключи",),
        summary=N_("makes a bot silent; what is written to it waits"),
        danger=1,
        effect=N_("The bot answers nobody; messages wait in its inbox until it is enabled."),
        parameters=(_NAME,),
        changing=True,
    ),
    Declaration(
        name="bot remove",
        aliases=("бот удали",),
        summary=N_("removes a bot with its settings; its base stays"),
        parameters=(_NAME, Parameter("force", N_("also throw away the messages that wait"), flag=True)),
        changing=True,
        destructive=True,
        danger=3,
        effect=N_("The bot's settings, its token and what waits in its inbox are gone for good; its base stays."),
    ),
)
