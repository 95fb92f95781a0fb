"""Cuts a script's text into tokens: names, numbers, strings and signs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from server.emulator.script.errors import CompileError

SCRIPT_MAX = 1 << 20  # characters; 25 messages of 4096 letters, all escaped as \uXXXX, are 614,400
_INT64 = range(-(1 << 63), 1 << 63)
_SPACE = re.compile(r"(?:\s+|//[^\n]*|/\*.*?\*/)+", re.DOTALL)
_TOKEN = re.compile(
    r"""(?P<name>[A-Za-z_$][\w$]*)
    |(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
    |"(?P<double>[^"\\]*(?:\\.[^"\\]*)*)"
    |'(?P<single>[^'\\]*(?:\\.[^'\\]*)*)'
    |(?P<sign>>>>|===|!==|==|!=|<=|>=|&&|\|\||<<|>>|[-+*/%&|^~!<>=.,:;@(){}\[\]])""",
    re.DOTALL | re.VERBOSE | re.ASCII,
)
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


@dataclass(frozen=True, slots=True)
class Token:
    """``kind`` is name, number, string, sign or end; ``value`` what it stands for."""

    kind: str
    value: Any
    at: int

    def __str__(self) -> str:
        return "the end" if self.kind == "end" else repr(str(self.value)[:40])


def tokenize(source: str) -> list[Token]:
    """Return all tokens, the last one of the kind ``end``."""
    if len(source) > SCRIPT_MAX:
        raise CompileError(f"code is longer than {SCRIPT_MAX} characters")
    tokens: list[Token] = []
    place = 0
    while True:
        space = _SPACE.match(source, place)
        place = space.end() if space else place
        if place == len(source):
            return [*tokens, Token("end", "", place)]
        match = _TOKEN.match(source, place)
        if match is None:
            raise CompileError(f"unexpected {source[place : place + 10]!r} at {place}")
        tokens.append(_token(match))
        place = match.end()


def _token(match: re.Match[str]) -> Token:
    kind, text = str(match.lastgroup), str(match[match.lastgroup or 0])
    if kind in ("double", "single"):
        return Token("string", _unescaped(text), match.start())
    if kind == "number":
        return Token(kind, _number(text), match.start())
    return Token(kind, text, match.start())


def _number(text: str) -> int | float:
    """A whole number beyond 64 bits becomes a fraction, as in VK's JSON."""
    if text.isdecimal() and len(text) < 20 and int(text) in _INT64:
        return int(text)
    return float(text)


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text
    made = _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else _CONTROLS.get(found[2], found[2]), text)
    # Two halves of a pair become one character; a half alone cannot be sent as UTF-8.
    return made.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
