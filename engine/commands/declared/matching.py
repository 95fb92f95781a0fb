"""Matching: what a phrase is taken for and why, how well that goes, from which likelihood on it is answered."""

from __future__ import annotations

from db.texts import N_
from engine.commands.declare import Declaration, Face, Parameter
from engine.commands.values import BASE, BOT, NUMBER, PATH

_SHELL = frozenset({Face.SHELL})
_BASE_NAME = Parameter("name", N_("name of the base"), BASE, required=True, positional=True)
_THRESHOLD = Parameter("threshold", N_("likelihood (0 to 1) from which a phrase is answered"), NUMBER)
_OF_BASE = Parameter("base", N_("base to look in"), BASE)

DECLARATIONS = (
    Declaration(
        name="match",
        aliases=("найди",),
        summary=N_("says what a phrase is taken for, and why"),
        help=N_(
            "By the thresholds of the bot, or those of the base. With --jsonl, reads queries from standard input, "
            '{"id","q"} a line, and writes a decision for each.'
        ),
        parameters=(
            Parameter("phrase", N_("what somebody might write"), positional=True, rest=True),
            _OF_BASE,
            Parameter("bot", N_("bot that is asked; its own answers win"), BOT),
            _THRESHOLD,
            Parameter("explain", N_("show the other candidates, too, and how each differs"), flag=True),
            Parameter("jsonl", N_("read queries from standard input"), flag=True, local=True),
        ),
    ),
    Declaration(
        name="eval",
        summary=N_("measures how well labelled queries are understood"),
        help=N_('The file has {"id","q","cls","sub","ok"} a line; "ok" lists the ids of the right answers, or none.'),
        parameters=(
            Parameter("file", N_("the file of queries; - is standard input"), PATH, required=True, positional=True),
            Parameter("base", N_("base to look in"), BASE, required=True),
            _THRESHOLD,
        ),
        faces=_SHELL,
    ),
    Declaration(
        name="base calibrate",
        aliases=("база откалибруй",),
        summary=N_("finds thresholds that suit a base, from its own phrases"),
        help=N_("Without -apply it only says them. A bot with thresholds of its own keeps them."),
        parameters=(
            _BASE_NAME,
            Parameter("accept", N_("share (0 to 1) of foreign phrases that may be answered"), NUMBER, default=0.01),
            Parameter("apply", N_("use the thresholds from now on"), flag=True),
            Parameter("reset", N_("use those of the settings again"), flag=True),
        ),
        changing=True,
        faces=_SHELL,  # seconds of work that the platform has no time for
    ),
    Declaration(
        name="index show",
        aliases=("indexes", "индексы"),
        summary=N_("shows the indexes that phrases are found by, on this host"),
    ),
    Declaration(
        name="index build",
        summary=N_("makes the index of a base anew, with a bar that shows how far it is"),
        parameters=(_BASE_NAME,),
        changing=True,
        faces=_SHELL,
    ),
)
