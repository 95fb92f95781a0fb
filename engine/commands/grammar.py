"""The grammar of command lines: words, quotes, keys. Knows nothing of which commands there are.

``/name`` then words. ``-key value`` is a named argument (a key in ``flags`` takes no value), ``--key a b c`` a named
list up to the next key or to ``--`` alone; all else is positional. ``"…"``, ``'…'``, ``«…»`` and ``“…”`` group words,
and ``\\`` escapes inside them. A quoted word is never a key, nor is ``-5``. Phones turn ``--`` into ``—``, so at a
word's start the two are one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from db.texts import _
from engine.commands.errors import BadCommand

QUOTES = {'"': '"', "'": "'", "«": "»", "“": "”"}
_LETTERS = "A-Za-zА-Яа-яЁё"
_KEY = re.compile(rf"(--|-|—)([{_LETTERS}][{_LETTERS}0-9_-]*)")
_LIST_ENDS = ("--", "—")
_SIGNS = ("/", ":")


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a line; ``quoted`` ones are taken as they are."""

    text: str
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class ParsedLine:
    """A command line taken apart. A key that lacks its value is named with ``None``; keys are in small letters."""

    name: str
    positional: list[str] = field(default_factory=list)
    named: dict[str, str | None] = field(default_factory=dict)
    lists: dict[str, list[str]] = field(default_factory=dict)
    flags: frozenset[str] = frozenset()
    target: str | None = None  # the bot of ``/name@bot``


def parse(line: str, flags: Collection[str] = (), name_words: int = 1) -> ParsedLine:
    """Take ``line`` apart; its first ``name_words`` words are the command's name. Raises ``BadCommand``."""
    parts = line.split(maxsplit=name_words)
    if not parts:
        raise BadCommand(_("the line is empty; /help lists the commands"))
    name, target = read_name(parts[:name_words])
    return arrange(name, split(" ".join(parts[name_words:])), flags, target)


def split(line: str) -> list[Word]:
    """Return the words of a line, quotes undone."""
    words: list[Word] = []
    at = 0
    while True:
        while at < len(line) and line[at].isspace():
            at += 1
        if at == len(line):
            return words
        closing = QUOTES.get(line[at])
        text, at = _bare(line, at) if closing is None else _quoted(line, at + 1, closing)
        words.append(Word(text, closing is not None))


def _bare(line: str, start: int) -> tuple[str, int]:
    at = start
    while at < len(line) and not line[at].isspace():
        at += 1
    return line[start:at], at


def _quoted(line: str, start: int, closing: str) -> tuple[str, int]:
    text: list[str] = []
    at = start
    while at < len(line):
        if line[at] == closing:
            return "".join(text), at + 1
        if line[at] == "\\" and at + 1 < len(line):
            at += 1
        text.append(line[at])
        at += 1
    raise BadCommand(_("a quote is not closed: {text}").format(text=line[start - 1 :][:40]))


def read_name(words: Sequence[str]) -> tuple[str, str | None]:
    """Return the command's name and the bot it is meant for (``/name@bot``), without the sign in front."""
    first, _at, target = words[0].partition("@")
    if first[:1] in _SIGNS:
        first = first[1:]
    return " ".join([first, *words[1:]]), target or None


def arrange(name: str, words: Sequence[Word], flags: Collection[str] = (), target: str | None = None) -> ParsedLine:
    """Sort the words after a name into positional ones, named values, lists and flags."""
    positional: list[str] = []
    named: dict[str, str | None] = {}
    lists: dict[str, list[str]] = {}
    seen: set[str] = set()
    waiting: str | None = None  # the key whose value comes next
    filling: list[str] = positional
    for word in words:
        key = read_key(word)
        if key is not None:
            sign, waiting = key
            _once(waiting, seen)
            filling = positional
            if waiting in flags:
                waiting = None
            elif sign == "-":
                named[waiting] = None
            else:
                filling = lists[waiting] = []
                waiting = None
        elif waiting is not None:
            named[waiting], waiting = word.text, None
        elif filling is not positional and not word.quoted and word.text in _LIST_ENDS:
            filling = positional
        else:
            filling.append(word.text)
    return ParsedLine(name, positional, named, lists, frozenset(seen & set(flags)), target)


def _once(key: str, seen: set[str]) -> None:
    if key in seen:
        raise BadCommand(_("-{key} is given twice").format(key=key))
    seen.add(key)


def read_key(word: Word) -> tuple[str, str] | None:
    """Return the sign (``-`` or ``--``) and the key of a word such as ``-base``, or ``None`` for any other word."""
    found = None if word.quoted else _KEY.fullmatch(word.text)
    if found is None:
        return None
    return "-" if found[1] == "-" else "--", fold_key(found[2])


def fold_key(key: str) -> str:
    """Return the one spelling of a key: small letters, ``-`` for ``_``."""
    return key.lower().replace("_", "-")


def format(parsed: ParsedLine) -> str:
    """Return a line that ``parse`` takes apart into ``parsed`` again, given its flags and its count of name words."""
    first, *rest = parsed.name.split(" ")
    words = ["/" + first + (f"@{parsed.target}" if parsed.target else ""), *rest]
    words += map(quote, parsed.positional)
    for key, value in parsed.named.items():
        words += [f"-{key}"] if value is None else [f"-{key}", quote(value)]
    words += [f"-{flag}" for flag in sorted(parsed.flags)]
    for key, values in parsed.lists.items():
        words += [f"--{key}", *map(quote, values)]
    return " ".join(words)


def quote(text: str) -> str:
    """Return ``text`` as one word that is no key: bare where that is safe, else in double quotes."""
    special = text[:1] in ("", *QUOTES) or text in _LIST_ENDS or read_key(Word(text)) is not None
    if not special and not any(map(str.isspace, text)):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
