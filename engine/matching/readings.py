"""What else a message may have been meant to say: in the other layout, in Latin letters, in letters that look alike.

Pure, and without a dictionary: whoever knows the phrases of a base decides which reading is meant.
"""

from __future__ import annotations

import re

from engine.matching.normalise import normalise

LENGTH_MAX = 300  # letters; longer texts are read as they stand
READINGS_MAX = 4  # with the plain one

_LATIN_KEYS = "qwertyuiop[]asdfghjkl;'zxcvbnm,.`" + 'QWERTYUIOP{}ASDFGHJKL:"ZXCVBNM<>~'
_RUSSIAN_KEYS = "йцукенгшщзхъфывапролджэячсмитьбюё" + "ЙЦУКЕНГШЩЗХЪФЫВАПРОЛДЖЭЯЧСМИТЬБЮЁ"
# Signs that Russians find on other keys: what they typed as a full stop is a slash in the Latin layout.
_TO_RUSSIAN = str.maketrans(_LATIN_KEYS + "/?&^$@#", _RUSSIAN_KEYS + '.,?:;"№')
_TO_LATIN = str.maketrans(_RUSSIAN_KEYS, _LATIN_KEYS)
_SOUNDS = {
    "shch": "щ", "sch": "щ", "sh": "ш", "ch": "ч", "zh": "ж", "kh": "х", "ts": "ц", "tz": "ц",
    "yo": "ё", "jo": "ё", "yu": "ю", "ju": "ю", "ya": "я", "ja": "я", "ye": "е", "iy": "ий", "yj": "ый", "yy": "ый",
    "a": "а", "b": "б", "v": "в", "g": "г", "d": "д", "e": "е", "z": "з", "i": "и", "j": "й", "k": "к", "l": "л",
    "m": "м", "n": "н", "o": "о", "p": "п", "r": "р", "s": "с", "t": "т", "u": "у", "f": "ф", "h": "х", "c": "ц",
    "y": "ы", "w": "в", "x": "х", "q": "к", "'": "ь",
}  # fmt: skip
_SOUND = re.compile("|".join(sorted(map(re.escape, _SOUNDS), key=len, reverse=True)))
_DIGITS_AS_LETTERS = str.maketrans({"4": "ч", "6": "ш"})
_LOOKALIKES = str.maketrans("aceopxyktmhbABCEHKMOPTX", "асеорхуктмнвАВСЕНКМОРТХ")
_LATIN, _RUSSIAN = re.compile(r"[A-Za-z]"), re.compile(r"[А-Яа-яЁё]")
_DIGIT_IN_WORD = re.compile(r"(?<=[a-z])[46]|[46](?=[a-z])")
_MIXED_WORD = re.compile(r"\S*(?:[A-Za-z][А-Яа-яЁё]|[А-Яа-яЁё][A-Za-z])\S*")


def readings(text: str) -> tuple[str, ...]:
    """Return the normalised forms that ``text`` may be read as, at most four: first as it stands."""
    form = normalise(text)
    if len(text) > LENGTH_MAX:
        return (form,)
    latin, russian = len(_LATIN.findall(text)), len(_RUSSIAN.findall(text))
    others: list[str] = []
    if latin and russian and _MIXED_WORD.search(text):
        others.append(_MIXED_WORD.sub(lambda found: found[0].translate(_LOOKALIKES), text))
    if latin > russian:
        others += [text.translate(_TO_RUSSIAN), _spelt(text)]
    elif russian and not latin:
        others.append(text.translate(_TO_LATIN))
    elif latin:
        others.append(_LATIN_RUN.sub(lambda found: found[0].translate(_TO_RUSSIAN), text))
    forms = dict.fromkeys((form, *(normalise(other) for other in others)))
    return tuple(found for found in forms if found)[:READINGS_MAX] or (form,)


_LATIN_RUN = re.compile(r"[A-Za-z][^\sА-Яа-яЁё]*")


def _spelt(text: str) -> str:
    """Return Russian that was written in Latin letters: "4to", "privet", "shutka"."""
    lowered = text.lower()
    with_letters = _DIGIT_IN_WORD.sub(lambda found: found[0].translate(_DIGITS_AS_LETTERS), lowered)
    return _SOUND.sub(lambda found: _SOUNDS[found[0]], with_letters)
