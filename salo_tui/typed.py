"""A command line as it was typed: which command it is, what it is about, and how it may be shown. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from salo_tui.command_words import LIST_ENDS, Word, fold, words_of
from salo_tui.complete import Command, recognise

HIDDEN = "***"


def command_of(line: str, commands: Iterable[Command]) -> Command | None:
    """Return the command that a line means, read as the platform reads it: a sign, ``@bot`` or case change nothing."""
    found = recognise(words_of(line), commands)
    return found[0] if found else None


def subject_of(line: str, command: Command) -> str:
    """Return what a line is about: its first word that is neither the command's name nor of a key; else the name."""
    found = recognise(words_of(line), [command])
    flags = {fold(key) for item in _parameters(command) if item.get("flag") for key in _keys(item)}
    key = None
    for word in words_of(line)[found[1] if found else 0 :]:
        if word.key is None and key is None:
            return word.text
        key = None if word.key is None or word.key in flags else word.key
    return str(command["name"])


def shown(line: str, commands: Iterable[Command]) -> str:
    """Return a line with the values of secret parameters hidden, and its command's as the registry spells it."""
    command = command_of(line, commands)
    if command is None:
        return line
    secret = {fold(key) for item in _parameters(command) if item.get("secret") for key in _keys(item)}
    pieces, at, key = [], 0, ""
    for word in words_of(line):
        key = _key_after(word, key)
        if word.key is None and key in secret:
            pieces += [line[at : word.start], HIDDEN]
            at = word.end
    return "".join([*pieces, line[at:]])


def _key_after(word: Word, key: str) -> str:
    """Return the key whose values come from this word on."""
    if word.key is not None:
        return word.key
    return "" if not word.quoted and word.text in LIST_ENDS else key


def _parameters(command: Command) -> list[Command]:
    return list(command.get("parameters", ()))


def _keys(parameter: Command) -> tuple[str, ...]:
    return (parameter["name"], *parameter.get("aliases", ()))
