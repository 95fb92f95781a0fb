"""Declarations as plain JSON, in the language in use: what the terminal completes, asks about and shows."""

from __future__ import annotations

from typing import Any

from db.texts import _
from engine.commands.bind import usage
from engine.commands.declare import Declaration, Parameter


def describe(declaration: Declaration) -> dict[str, Any]:
    """Return all that a face needs to offer this command."""
    return {
        "name": declaration.name,
        "aliases": list(declaration.aliases),
        "summary": _(declaration.summary),
        "help": _(declaration.help) if declaration.help else "",
        "usage": usage(declaration),
        "scope": declaration.scope,
        "role": declaration.role.name.lower(),
        "changing": declaration.changing,
        "destructive": declaration.destructive,
        "danger": declaration.danger,
        "effect": _(declaration.effect) if declaration.effect else "",
        "needs": str(declaration.needs),
        "faces": sorted(declaration.faces),
        "parameters": [_parameter(item) for item in declaration.parameters],
    }


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "aliases": list(parameter.aliases),
        "help": _(parameter.help),
        "type": _(parameter.type.word),
        "kind": parameter.type.kind,
        "options": list(parameter.type.options),
        "required": parameter.required,
        "default": parameter.default,
        "positional": parameter.positional,
        "many": parameter.many,
        "rest": parameter.rest,
        "flag": parameter.flag,
        "secret": parameter.secret,
    }
