"""Bases: the MariaDB databases of answers and people."""

from __future__ import annotations

from db.texts import N_
from engine.commands.declare import Declaration, Face, Parameter
from engine.commands.values import BASE, NEW_BASE, PATH, TEXT, choice

_SHELL = frozenset({Face.SHELL})
_NEW = Parameter("name", N_("name of the base"), NEW_BASE, required=True, positional=True)
_NAME = Parameter("name", N_("name of the base"), BASE, required=True, positional=True)
_BASE = Parameter("base", N_("name of the base"), BASE, required=True, positional=True)
_FORMAT = Parameter("format", N_("form of the file; by default, what its name ends with"), choice("tsv", "jsonl"))

DECLARATIONS = (
    Declaration(
        name="base create",
        aliases=("база создай",),
        summary=N_("creates a base"),
        parameters=(_NEW, Parameter("title", N_("title for people"), TEXT, default="")),
        changing=True,
    ),
    Declaration(
        name="base list",
        aliases=("bases", "базы"),
        summary=N_("lists the bases"),
    ),
    Declaration(
        name="base drop",
        aliases=("база удали",),
        summary=N_("drops a base with all its answers, people and history"),
        parameters=(_NAME,),
        changing=True,
        destructive=True,
        danger=3,
        effect=N_("All answers, people and history of the base are gone for good."),
    ),
    Declaration(
        name="import",
        summary=N_("imports answers (rx, tx, weight) from a TSV or JSONL file into a base"),
        parameters=(
            _BASE,
            Parameter("file", N_("the file; - is standard input"), PATH, required=True, positional=True),
            _FORMAT,
            Parameter("strict", N_("import nothing when a row is refused"), flag=True),
            Parameter("dry-run", N_("only say what would be done, after the same checks"), flag=True),
        ),
        changing=True,
        faces=_SHELL,
    ),
    Declaration(
        name="export",
        summary=N_("exports the answers of a base as TSV or JSONL"),
        parameters=(
            _BASE,
            Parameter("file", N_("the file; - is standard output"), PATH, default="-", positional=True),
            _FORMAT,
        ),
        faces=_SHELL,
    ),
)
