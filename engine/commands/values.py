"""Types of parameters: each turns one word into a value, or says what it should have been."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from db.names import checked_name
from db.texts import N_, _

INTEGER_DIGITS = 18  # an id of VK or of ours; int() of endless digits would burn a core

DEFAULT = "default"  # gives a setting back to whoever decides without it


@dataclass(frozen=True, slots=True)
class ValueType:
    """``convert`` raises ``ValueError`` on a wrong word, and ``rule`` says what is right; ``word`` stands in usage.

    ``kind`` is the same in all languages and tells a terminal what to offer: names of bots, the ``options``, nothing.
    """

    word: str
    rule: str
    convert: Callable[[str], Any]
    kind: str = "text"
    options: tuple[str, ...] = ()


def _integer(text: str) -> int:
    if len(text) > INTEGER_DIGITS + 1:
        raise ValueError
    return int(text)


def _number(text: str) -> float:
    value = float(text.replace(",", "."))
    if value != value or value in (float("inf"), float("-inf")):
        raise ValueError
    return value


def _score(text: str) -> float | str:
    """Return a likelihood; the word ``default`` as it is."""
    if text.lower() == DEFAULT:
        return DEFAULT
    value = _number(text)
    if not 0 <= value <= 1:
        raise ValueError
    return value


def _positive(text: str) -> int:
    value = _integer(text)
    if value <= 0:
        raise ValueError
    return value


def choice(*options: str) -> ValueType:
    """Return the type of one word out of ``options``."""

    def convert(text: str) -> str:
        if text.lower() not in options:
            raise ValueError
        return text.lower()

    return ValueType("|".join(options), N_("must be one of: {word}"), convert, "choice", options)


def count(most: int, least: int = 1) -> ValueType:
    """Return the type of a count from ``least`` to ``most``."""

    def convert(text: str) -> int:
        value = _integer(text)
        if not least <= value <= most:
            raise ValueError
        return value

    return ValueType(f"{least}…{most}", N_("must be {word}"), convert, "count")


TEXT = ValueType(N_("TEXT"), "", str)
INTEGER = ValueType("N", N_("must be a whole number"), _integer, "integer")
ID = ValueType("N", N_("must be a whole number above 0"), _positive, "id")
NUMBER = ValueType(N_("NUMBER"), N_("must be a number"), _number, "number")
SCORE = ValueType("0…1|default", N_("must be a number from 0 to 1, or the word default"), _score, "text")
PATH = ValueType(N_("FILE"), "", str, "path")
# A bad name raises BadName, whose own text is better than any rule here.
BOT = ValueType(N_("BOT"), "", lambda text: checked_name("bot", text), "bot")
BASE = ValueType(N_("BASE"), "", lambda text: checked_name("base", text), "base")
NEW_BOT, NEW_BASE = replace(BOT, kind="text"), replace(BASE, kind="text")  # names that are still to be given
# What only its own command can check.
COMMAND = ValueType(N_("COMMAND"), "", str, "command")
PROCESS = ValueType(N_("PROCESS"), "", str, "process")
TICKER = ValueType(N_("TICKER"), "", str, "ticker")
LETTER = ValueType(N_("ID"), "", str, "dead")
ENTRY = ValueType(N_("ENTRY"), "", str, "entry")
UNSOLVED = ValueType(N_("ID"), "", str, "unsolved")


def rule_text(kind: ValueType) -> str:
    """Return the rule of a type in the language in use."""
    return _(kind.rule).format(word=_(kind.word))
