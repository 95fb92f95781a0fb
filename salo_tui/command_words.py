"""A command line that is still being typed, as words with their places. Follows the grammar of the commands.

Nothing is wrong here: a quote that is not closed yet is open to the end, and half a key is a key.
"""

from __future__ import annotations

import re
from typing import NamedTuple

QUOTES = {'"': '"', "'": "'", "«": "»", "“": "”"}
SIGNS = ("/", ":")
LIST_ENDS = ("--", "—")
_KEY = re.compile(r"(--|-|—)([A-Za-zА-Яа-яЁё][A-Za-zА-Яа-яЁё0-9_-]*)?")


class Word(NamedTuple):
    """One word: what it says without its quotes, and from where up to where it is written."""

    text: str
    start: int
    end: int
    quoted: bool = False

    @property
    def key(self) -> str | None:
        """Return the key that it is, folded, ``""`` for a bare sign; None when it is none."""
        found = None if self.quoted else _KEY.fullmatch(self.text)
        return None if found is None else fold(found[2] or "").replace("_", "-")

    @property
    def is_list_key(self) -> bool:
        return not self.quoted and self.text.startswith(LIST_ENDS)


def words_of(line: str) -> list[Word]:
    """Return the words of a line. A sign in front of the first one is no part of it."""
    words: list[Word] = []
    at = len(line) - len(line.lstrip())
    at += line[at : at + 1] in SIGNS
    while True:
        while at < len(line) and line[at].isspace():
            at += 1
        if at >= len(line):
            return words
        words.append(_word(line, at))
        at = words[-1].end


def _word(line: str, start: int) -> Word:
    closing = QUOTES.get(line[start])
    at = start + (closing is not None)
    signs: list[str] = []
    while at < len(line) and (closing is not None or not line[at].isspace()):
        if line[at] == closing:
            return Word("".join(signs), start, at + 1, True)
        if closing is not None and line[at] == "\\" and at + 1 < len(line):
            at += 1
        signs.append(line[at])
        at += 1
    return Word("".join(signs), start, at, closing is not None)


def fold(text: str) -> str:
    """Return the one spelling by which names are compared: small letters, ``е`` for ``ё``."""
    return text.lower().replace("ё", "е")


def quoted(text: str) -> str:
    """Return ``text`` as one word that is no key: bare where that is safe, else in double quotes."""
    is_key = Word(text, 0, 0).key is not None
    if text and text[0] not in QUOTES and not is_key and not any(map(str.isspace, text)):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
