"""A phrase as the search needs it: its words, what the dictionary says of them, and how else they may be spelt. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.matching.build import Array, mixed
from engine.matching.lexicon import Grammar, look_up
from engine.matching.spelling import LENGTH_MIN, near_numbers, number, sound

WORDS_MAX = 24  # of a longer phrase only the first are looked at
_KNOWN_LENGTH_MIN = 5  # a shorter word of the dictionary is meant as it stands


@dataclass(frozen=True, slots=True)
class Query:
    """``near`` are numbers of words that may be meant, ``near_of`` says by which word; so with ``sounds``, ``joins``."""

    form: str
    words: list[str]
    word_numbers: Array
    lemma_numbers: Array
    lemma_bits: Array
    grammar: Array
    near: Array
    near_of: Array
    sounds: Array
    sounds_of: Array
    joins: Array
    splits: list[tuple[int, int, int]]  # word, numbers of its two parts


def analyse(form: str) -> Query:
    """Return the query for a normalised phrase."""
    words = form.split()[:WORDS_MAX]
    known = [look_up(word) for word in words]
    near: list[int] = []
    near_of: list[int] = []
    sounds: list[int] = []
    sounds_of: list[int] = []
    splits: list[tuple[int, int, int]] = []
    for place, (word, found) in enumerate(zip(words, known, strict=True)):
        is_known = found.grammar & Grammar.KNOWN
        if len(word) < (_KNOWN_LENGTH_MIN if is_known else LENGTH_MIN) or found.grammar & Grammar.NUMBER:
            continue
        numbers = near_numbers(word)
        near += numbers
        near_of += [place] * len(numbers)
        sounds.append(number(sound(word)))
        sounds_of.append(place)
        if not is_known:
            splits += [
                (place, number(word[:middle]), number(word[middle:]))
                for middle in range(1, min(len(word), 24))
            ]
    joins = [number(one + other) for one, other in zip(words, words[1:], strict=False)]
    lemma_numbers = np.array([number(found.lemma) for found in known], np.uint32)
    return Query(
        form,
        words,
        np.array([number(word) for word in words], np.uint32),
        lemma_numbers,
        mixed(lemma_numbers),
        np.array([found.grammar for found in known], np.int64),
        np.array(near, np.uint32),
        np.array(near_of, np.int64),
        np.array(sounds, np.uint32),
        np.array(sounds_of, np.int64),
        np.array(joins, np.uint32),
        splits,
    )
