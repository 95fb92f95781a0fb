"""Tickers: the periodic duties of the platform and of its bots."""

from __future__ import annotations

from db.texts import N_
from engine.commands.declare import Declaration, Needs, Parameter
from engine.commands.values import BOT, TICKER

_NAME = Parameter("name", N_("name of the ticker, as in /ticker list"), TICKER, required=True, positional=True)
_BOT = Parameter(
    "bot", N_("the bot whose ticker it is; without it, that of each bot"), BOT, default="", positional=True
)

DECLARATIONS = (
    Declaration(
        name="ticker list",
        aliases=("tickers", "тикеры"),
        summary=N_("lists the periodic duties: when they tick and what they found"),
        needs=Needs.PLATFORM,
    ),
    Declaration(
        name="ticker run",
        aliases=("тикер запусти",),
        summary=N_("lets a ticker tick now, and says what it found"),
        parameters=(_NAME, _BOT),
        changing=True,
        needs=Needs.PLATFORM,
    ),
    Declaration(
        name="ticker pause",
        aliases=("тикер приостанови",),
        summary=N_("lets a ticker tick no more, until it is resumed"),
        parameters=(_NAME, _BOT),
        changing=True,
        danger=1,
        effect=N_("What it watches is watched no more, even after a restart, until it is resumed."),
        needs=Needs.PLATFORM,
    ),
    Declaration(
        name="ticker resume",
        aliases=("тикер продолжи",),
        summary=N_("lets a paused ticker tick again"),
        parameters=(_NAME, _BOT),
        changing=True,
        needs=Needs.PLATFORM,
    ),
)
