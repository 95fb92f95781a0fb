"""What else a message may have been meant to say: in the other layout, in Latin letters, with "не" glued or apart.

Pure, and without a dictionary: whoever knows the phrases of a base decides which reading is meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.matching.keyboard import (
    CYRILLIC,
    LATIN,
    by_sound,
    in_latin_layout,
    in_russian_layout,
    without_lookalikes,
)
from engine.matching.normalise import normalise
from engine.matching.script import english_share, russian_share

LENGTH_MAX = 300  # letters; a longer text is read as it stands
READINGS_MAX = 4  # with the plain one

_RUSSIAN_MIN = 0.3  # share of letter pairs below which what came out is no Russian, unless it is the best there is
_ENGLISH_BEYOND = 0.4  # by this much more English than the other reading is Russian: it was meant as it stands
_GLUED = re.compile(r"\bн([еи])(?=\w{3})")
_APART = re.compile(r"\bн([еи]) (?=\w{3})")
# What is left of ":D" or ":3" where the eyes were lost: a phrase that came without its signs.
_MOUTH = re.compile(r"(?<=\w) (?:d+|д+|[зcсрp]|з+|3)$")
_CYRILLIC_RUN = re.compile(r"(?<![^\W_])[А-Яа-яЁё]{3,}(?![^\W_])")
_SIGN_KEYS = re.compile("[хъжэбюё]", re.IGNORECASE)  # letters whose keys have signs in the Latin layout
_DIGIT = re.compile("[0346]")  # those that letters are written by
_SURELY_RUSSIAN = 0.6  # share of a word's pairs
_ENGLISH_WHOLE, _ENGLISH_WORD = 0.1, 0.5  # more than it is Russian: a whole text has more to go by than a word


def readings(text: str) -> tuple[str, ...]:
    """Return the normalised forms that ``text`` may be read as, at most four, without repeats; as it stands first.

    Then, the likeliest first, without the rest of a smiley, with words in one script, what the keys type in the
    other layout, what the letters sound like; then each of these with "не" and "ни" parted from their words, or
    joined to them. The same text gives the same readings. Texts over 300 characters have one.
    """
    form = normalise(text)
    if len(text) > LENGTH_MAX:
        return (form,)
    rewritten = (normalise(other) for other in _rewritten(text))
    first = list(dict.fromkeys(found for found in (form, _MOUTH.sub("", form), *rewritten) if found))
    forms = dict.fromkeys((*first, *(other for found in first for other in _joints(found))))
    return tuple(forms)[:READINGS_MAX] or (form,)


def _rewritten(text: str) -> Iterator[str]:
    """Yield raw rewrites, the likeliest first."""
    has_latin, has_cyrillic = LATIN.search(text), CYRILLIC.search(text)
    if has_cyrillic:
        alike = without_lookalikes(text) if has_latin or _DIGIT.search(text) else text
        if alike != text:
            yield alike
        latin = _in_latin(text)
        if latin != text:
            yield latin
        text = alike
    if has_latin and LATIN.search(text):
        yield from _in_cyrillic(text)


def _in_cyrillic(text: str) -> Iterator[str]:
    """Yield what the Latin words of a text are in the Russian layout, and by sound: the more Russian first."""
    others = (in_russian_layout(text), in_russian_layout(text, keep_tail=True), by_sound(text))
    shares = [(russian_share(normalise(other)), other) for other in dict.fromkeys(others)]
    shares.sort(key=lambda item: -item[0])
    if english_share(normalise(text)) - shares[0][0] > _ENGLISH_BEYOND:
        return
    yield shares[0][1]
    yield from (other for share, other in shares[1:] if share >= _RUSSIAN_MIN)


def _in_latin(text: str) -> str:
    """Return what a Cyrillic text types in the Latin layout when that is English; else do so word by word."""
    if not _SIGN_KEYS.search(text):
        latin = in_latin_layout(text)
        if english_share(latin.lower()) > russian_share(_plain(text)) + _ENGLISH_WHOLE:
            return latin
    return _CYRILLIC_RUN.sub(_word_in_latin, text)


def _word_in_latin(found: re.Match[str]) -> str:
    """Return a word by its keys where that is much more English than the word is Russian."""
    russian = russian_share(_plain(found[0]))
    if russian >= _SURELY_RUSSIAN:
        return found[0]
    latin = in_latin_layout(found[0])
    return latin if latin.isalpha() and english_share(latin.lower()) >= russian + _ENGLISH_WORD else found[0]


def _plain(text: str) -> str:
    return text.lower().replace("ё", "е")


def _joints(form: str) -> Iterator[str]:
    """Yield a form with "не" and "ни" apart, and with both joined."""
    if "не" in form or "ни" in form:
        yield _GLUED.sub(r"н\1 ", form)
        yield _APART.sub(r"н\1", form)
