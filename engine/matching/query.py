"""A phrase as the search needs it: its words, what the dictionary says of them, how else they may be spelt. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from engine.matching.lexicon import Grammar, look_up
from engine.matching.spelling import LENGTH_MIN, NEAR_LENGTH_MAX, allowed_slips, near_numbers, number, sound

WORDS_KEPT_MAX = 5_000  # whose numbers are remembered
WORDS_MAX = 24  # of a longer phrase only the first are looked at
_KNOWN_LENGTH_MIN = 5  # a shorter word of the dictionary is meant as it stands, if any phrase has it
_SLIP_LENGTH_MIN = 3  # a still shorter one always
_KNOWN, _NUMBER = int(Grammar.KNOWN), int(Grammar.NUMBER)


@dataclass(frozen=True, slots=True)
class Query:
    """Parallel lists by word. ``near`` pairs words and numbers of words that may be meant; so do ``sounds``,
    ``joins`` (a word and the next), and ``splits`` (a word, the numbers of its two parts)."""

    form: str
    joined: str
    words: list[str]
    lemmas: list[int]
    grammar: list[int]
    kinds: list[int]
    allowed: list[int]  # slips
    near: list[tuple[int, int]]
    sounds: list[tuple[int, int]]
    joins: list[tuple[int, int]]
    splits: list[tuple[int, int, int]]


def analyse(form: str) -> Query:
    """Return the query for a normalised phrase."""
    words = form.split()[:WORDS_MAX]
    known = [look_up(word) for word in words]
    near: list[tuple[int, int]] = []
    sounds: list[tuple[int, int]] = []
    splits: list[tuple[int, int, int]] = []
    allowed = []
    for place, (word, found) in enumerate(zip(words, known, strict=True)):
        is_known = found.grammar & _KNOWN
        is_short = len(word) < _SLIP_LENGTH_MIN if is_known else len(word) < LENGTH_MIN
        if is_short or found.grammar & _NUMBER:
            allowed.append(0)
            near.append((place, number(word)))
            continue
        allowed.append(allowed_slips(len(word)))
        if is_known and len(word) < _KNOWN_LENGTH_MIN:
            near.append((place, number(word)))
            continue
        codes, heard = _spelt(word)
        near += [(place, code) for code in codes]
        sounds.append((place, heard))
        if not is_known and len(word) <= NEAR_LENGTH_MAX:
            splits += [(place, number(word[:at]), number(word[at:])) for at in range(1, len(word))]
    joins = [(place, number(words[place] + words[place + 1])) for place in range(len(words) - 1)]
    return Query(
        form,
        "".join(words),
        words,
        [found.number for found in known],
        [found.grammar for found in known],
        [found.kind for found in known],
        allowed,
        near,
        sounds,
        joins,
        splits,
    )


@lru_cache(WORDS_KEPT_MAX)
def _spelt(word: str) -> tuple[list[int], int]:
    """Return the numbers of a word's spellings and of its sound."""
    return near_numbers(word), number(sound(word))
