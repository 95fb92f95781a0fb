"""Help made from declarations, for any face: the list of commands, and the page of one."""

from __future__ import annotations

from collections.abc import Iterable

from db.texts import _
from engine.commands.bind import usage
from engine.commands.declare import Declaration, Parameter


def help_list(declarations: Iterable[Declaration]) -> str:
    """Return one line for each command."""
    return "\n".join(f"/{item.name} — {_(item.summary)}" for item in declarations)


def help_page(declaration: Declaration) -> str:
    """Return what there is to know of one command."""
    lines = [f"{usage(declaration)} — {_(declaration.summary)}"]
    if declaration.help:
        lines.append(_(declaration.help))
    lines += [_parameter(item) for item in declaration.parameters]
    if declaration.aliases:
        lines.append(_("Also: {names}").format(names=", ".join(f"/{name}" for name in declaration.aliases)))
    return "\n".join(lines)


def _parameter(parameter: Parameter) -> str:
    name = parameter.name.upper() if parameter.positional else f"-{parameter.name}"
    return f"  {name} — {_(parameter.help)}"
