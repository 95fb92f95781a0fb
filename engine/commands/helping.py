"""Help made from declarations, for any face: the list of commands, and the page of one."""

from __future__ import annotations

from collections.abc import Iterable

from db.texts import _, current_language
from engine.commands.bind import place_word, usage
from engine.commands.declare import Declaration, Parameter


def help_list(declarations: Iterable[Declaration]) -> str:
    """Return one line for each command."""
    return "\n".join(f"{_spellings(item)} — {_(item.summary)}" for item in declarations)


def _spellings(declaration: Declaration) -> str:
    """Return the name and, for those who read Russian, the first Russian alias, which needs no other keyboard."""
    russian = [name for name in declaration.aliases if not name.isascii()] if current_language() == "ru" else []
    return ", ".join(f"/{name}" for name in (declaration.name, *russian[:1]))


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
    name = place_word(parameter) if parameter.positional else f"-{parameter.name}"
    return f"  {name} — {_(parameter.help)}"
