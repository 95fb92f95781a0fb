"""Which words may be each other misspelt: numbers that two such words share. Pure.

A word and another that is one slip away share a *near* number: that of the word itself or of what is left when one
letter is taken out (W. Garbe's symmetric deletion). Two that sound alike share a *sound* number.
"""

from __future__ import annotations

import re
from zlib import crc32

NEAR_LENGTH_MAX = 24  # letters; longer words are found by their sound or not at all
LENGTH_MIN = 2  # a letter alone is like any other
GRAM_LENGTH_MIN = 6  # letters; shorter words have too few runs of three
GRAMS = 1 << 16  # numbers of runs of three letters; two may share one

_SAME_SOUND = str.maketrans(
    {
        "а": "о", "я": "и", "е": "и", "э": "и", "ы": "и", "й": "и", "ю": "у", "ё": "и",
        "б": "п", "в": "ф", "г": "к", "д": "т", "ж": "ш", "з": "с", "щ": "ш", "ч": "ш",
        "ь": None, "ъ": None,
    }
)  # fmt: skip
_RUN = re.compile(r"(.)\1+")


def number(text: str) -> int:
    """Return the 32 bits that stand for a word. Two words may share them: compare the words themselves too."""
    return crc32(text.encode())


def near_numbers(word: str) -> list[int]:
    """Return the numbers of a word and of all that is left of it without one letter."""
    length = len(word)
    if length < LENGTH_MIN or length > NEAR_LENGTH_MAX:
        return [crc32(word.encode())]
    found = {word[:place] + word[place + 1 :] for place in range(length)}
    found.add(word)
    return [crc32(text.encode()) for text in found]


def gram_numbers(word: str) -> list[int]:
    """Return the numbers, below ``GRAMS``, of the runs of three letters, the borders counted as letters."""
    text = f"^{word}$"
    return list({crc32(text[at : at + 3].encode()) & (GRAMS - 1) for at in range(len(text) - 2)})


def sound(word: str) -> str:
    """Return how a Russian word sounds, coarsely: unstressed vowels, voicing, soft signs and doubled letters go."""
    text = word.replace("ться", "тса").replace("тся", "тса").replace("тс", "ц").replace("дс", "ц")
    text = text.replace("стн", "сн").replace("здн", "сн").replace("сч", "ш").replace("зч", "ш")
    if text.endswith(("ого", "его")):
        text = text[:-2] + "во"
    return _RUN.sub(r"\1", text.translate(_SAME_SOUND))


def allowed_slips(length: int) -> int:
    """Return how many slips may part a word of so many letters from the one that was meant."""
    return 1 if length < 5 else 2 if length < 9 else 3
