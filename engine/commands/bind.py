"""Puts a parsed line and a declaration together: typed values, or one friendly line about what is wrong."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from db.errors import BadName
from db.texts import N_, _
from engine.commands.declare import Declaration, Parameter
from engine.commands.errors import BadCommand
from engine.commands.grammar import ParsedLine, fold_key
from engine.commands.values import rule_text


class Arguments(Mapping[str, Any]):
    """The values of one call by parameter name: every declared parameter is there, defaults filled in."""

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = values

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def text(self, name: str) -> str:
        """Return a required text, or one with a default."""
        value = self._values[name]
        assert isinstance(value, str)
        return value

    def optional(self, name: str) -> str | None:
        """Return a text that may be missing."""
        value = self._values[name]
        assert value is None or isinstance(value, str)
        return value

    def integer(self, name: str) -> int:
        """Return a required whole number, or one with a default."""
        value = self._values[name]
        assert isinstance(value, int)
        return value

    def flag(self, name: str) -> bool:
        """Return whether a flag was given."""
        return bool(self._values[name])

    def texts(self, name: str) -> list[str]:
        """Return the values of a parameter that takes many."""
        return list(self._values[name] or ())


def bind(declaration: Declaration, parsed: ParsedLine) -> Arguments:
    """Return the typed values of a call. Raises ``BadCommand`` for the first thing that is wrong."""
    given: dict[str, list[str] | bool] = dict.fromkeys(_names(declaration, parsed.flags), True)
    for key, value in parsed.named.items():
        _give(declaration, given, key, [] if value is None else [value])
    for key, values in parsed.lists.items():
        _give(declaration, given, key, values)
    _give_positional(declaration, given, parsed.positional)
    return Arguments({item.name: _value(declaration, item, given.get(item.name)) for item in declaration.parameters})


def bind_mapping(declaration: Declaration, values: Mapping[str, Any]) -> Arguments:
    """Bind values that came by name instead of as a line: from JSON or from the shell's own parser."""
    flags: set[str] = set()
    lists: dict[str, list[str]] = {}
    for key, value in values.items():
        name = fold_key(str(key))
        if isinstance(value, bool):
            flags |= {name} if value else set()
        elif value is not None:
            lists[name] = [str(item) for item in value] if isinstance(value, list | tuple) else [str(value)]
    known = declaration.flag_keys
    stray = {name: ["true"] for name in flags - known}  # a non-flag given as true: refused by its type or as unknown
    return bind(declaration, ParsedLine(declaration.name, lists=lists | stray, flags=frozenset(flags & known)))


def _names(declaration: Declaration, flags: frozenset[str]) -> Iterator[str]:
    for key in flags:
        parameter = declaration.by_key(key)
        assert parameter is not None  # the grammar was told this declaration's flags
        yield parameter.name


def _give(declaration: Declaration, given: dict[str, list[str] | bool], key: str, values: list[str]) -> None:
    parameter = declaration.by_key(key)
    if parameter is None:
        raise BadCommand(_unknown_key(declaration, key))
    if parameter.name in given:
        raise _bad(declaration, _("-{key} is given twice").format(key=parameter.name))
    if parameter.flag:
        raise _bad(declaration, _("-{key} takes no value").format(key=key))
    if not values and not parameter.many:
        raise _bad(declaration, _("-{key} needs a value").format(key=key))
    if len(values) > 1 and not parameter.many:
        text = _("-{key} takes one value, not {count}; put words that belong together in quotes")
        raise _bad(declaration, text.format(key=key, count=len(values)))
    given[parameter.name] = values


def _give_positional(declaration: Declaration, given: dict[str, list[str] | bool], words: list[str]) -> None:
    left = list(words)
    for parameter in declaration.positional:
        if not left:
            return
        if parameter.name in given:
            continue
        if parameter.rest:
            given[parameter.name], left = [" ".join(left)], []
        elif parameter.many:
            given[parameter.name], left = left, []
        else:
            given[parameter.name] = [left.pop(0)]
    if left:
        raise _bad(declaration, _("{word} is one word too many").format(word=_short(left[0])))


def _value(declaration: Declaration, parameter: Parameter, given: list[str] | bool | None) -> Any:
    if parameter.flag:
        return bool(given)
    if given is None:
        if parameter.required:
            raise _bad(declaration, _("{name} is missing").format(name=_spelled(parameter)))
        return [] if parameter.many and parameter.default is None else parameter.default
    assert isinstance(given, list)
    values = [_convert(declaration, parameter, text) for text in given]
    return values if parameter.many else values[0]


def _convert(declaration: Declaration, parameter: Parameter, text: str) -> Any:
    try:
        return parameter.type.convert(text)
    except BadName:
        raise
    except ValueError:
        # The word itself is left out when it may be a secret typed into the wrong place.
        shown = _spelled(parameter) + ("" if parameter.secret else f" = {_short(text)}")
        raise _bad(declaration, f"{shown}: {rule_text(parameter.type)}") from None


def usage(declaration: Declaration) -> str:
    """Return how the command is written: ``/bot show NAME``."""
    return " ".join(["/" + declaration.name, *(_usage_of(parameter) for parameter in declaration.parameters)])


PLACES = (
    N_("NAME"), N_("BASE"), N_("FILE"), N_("BOT"), N_("ENTRY"), N_("ID"), N_("PROCESS"), N_("COMMAND"), N_("NEW"),
)  # fmt: skip


def place_word(parameter: Parameter) -> str:
    """Return what stands for a positional parameter in a line of usage."""
    return _(parameter.name.upper())


def _usage_of(parameter: Parameter) -> str:
    word = place_word(parameter) if parameter.positional else _(parameter.type.word)
    if parameter.many or parameter.rest:
        word += "…"
    if parameter.flag:
        word = f"-{parameter.name}"
    elif not parameter.positional:
        word = f"{'--' if parameter.many else '-'}{parameter.name} {word}"
    return word if parameter.required else f"[{word}]"


def _spelled(parameter: Parameter) -> str:
    return place_word(parameter) if parameter.positional else f"-{parameter.name}"


def _short(text: str) -> str:
    return _("“{text}”").format(text=text if len(text) <= 40 else text[:39] + "…")


def _unknown_key(declaration: Declaration, key: str) -> str:
    keys = [spelling for parameter in declaration.parameters for spelling in parameter.keys]
    close = difflib.get_close_matches(key, keys, n=1)
    if close:
        text = _("/{command} has no -{key}; did you mean -{close}?")
        return text.format(command=declaration.name, key=key, close=close[0])
    text = _("/{command} has no -{key} (words that begin with - go into quotes); it is written: {usage}")
    return text.format(command=declaration.name, key=key, usage=usage(declaration))


def _bad(declaration: Declaration, problem: str) -> BadCommand:
    text = _("{problem}; it is written: {usage}")
    return BadCommand(text.format(problem=problem, usage=usage(declaration)), problem)
