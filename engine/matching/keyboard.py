"""Rewrites of what was typed: in the other keyboard layout, in Latin letters by sound, in letters that look alike.

Pure. Each function takes raw text, since б ю ж э х ъ ё sit on keys of punctuation, and changes only
the words that it is about.
"""

from __future__ import annotations

import re

from engine.matching.normalise import SMILEY

# The letters' keys of the Russian layout of Windows and Linux, and what the same keys are in the US layout.
_US_KEYS = "qwertyuiop[]asdfghjkl;'zxcvbnm,.`" + 'QWERTYUIOP{}ASDFGHJKL:"ZXCVBNM<>~'
_RUSSIAN_KEYS = "йцукенгшщзхъфывапролджэячсмитьбюё" + "ЙЦУКЕНГШЩЗХЪФЫВАПРОЛДЖЭЯЧСМИТЬБЮЁ"
_TO_RUSSIAN = str.maketrans(_US_KEYS, _RUSSIAN_KEYS)
_TO_LATIN = str.maketrans(_RUSSIAN_KEYS, _US_KEYS)

# By sound, the longest first. None of the standards: people write as they hear.
_SOUNDS = {
    "shch": "щ", "sch": "щ", "zh": "ж", "kh": "х", "ts": "ц", "tz": "ц", "ch": "ч", "sh": "ш", "yo": "е", "jo": "е",
    "yu": "ю", "ju": "ю", "iu": "ю", "ya": "я", "ja": "я", "ye": "е", "je": "е", "yy": "ый", "yj": "ый", "iy": "ий",
    "ij": "ий", "a": "а", "b": "б", "v": "в", "g": "г", "d": "д", "e": "е", "z": "з", "i": "и", "j": "й", "k": "к",
    "l": "л", "m": "м", "n": "н", "o": "о", "p": "п", "r": "р", "s": "с", "t": "т", "u": "у", "f": "ф", "h": "х",
    "c": "ц", "y": "ы", "w": "в", "x": "х", "q": "к", "'": "ь", "4": "ч", "6": "ш",
}  # fmt: skip
_SOUND = re.compile(
    r"(?<=[aoeu])y(?![aeou])"  # moy, kakoy
    r"|(?<=[ei])sh(?!\w)"  # znaesh, govorish: the second person has a soft sign
    r"|(?<!\w)e(?=t[aoi])"  # eto, eta, eti
    "|" + "|".join(sorted(map(re.escape, _SOUNDS), key=len, reverse=True))
)
_IN_PLACE = {"y": "й", "sh": "шь", "e": "э"}  # what the first three alternatives mean
_SPELT = re.compile(r"[a-z46']*[a-z][a-z46']*")
_DIGITS = str.maketrans("0346", "озчш")
_CYRILLIC_WITH_DIGIT = re.compile(r"[346]?(?:[А-Яа-яЁё]+[0346])*[А-Яа-яЁё]+(?:[46](?!\w))?")

_LOOKS_LATIN, _LOOKS_CYRILLIC = "aceopxyABCEHKMOPTX", "асеорхуАВСЕНКМОРТХ"
_AS_CYRILLIC, _AS_LATIN = str.maketrans(_LOOKS_LATIN, _LOOKS_CYRILLIC), str.maketrans(_LOOKS_CYRILLIC, _LOOKS_LATIN)

LATIN, CYRILLIC = re.compile(r"[A-Za-z]"), re.compile(r"[А-Яа-яЁё]")
_TOKEN = re.compile(r"\S+")
_PARTS = re.compile(r"[А-Яа-яЁё]+|[^А-Яа-яЁё]+")
_TAIL = re.compile(r"""[\[\];'"`{}:,.<>~]+$""")


def in_russian_layout(text: str, *, keep_tail: bool = False) -> str:
    """Return the text with its Latin words as the same keys type them in the Russian layout: ",fpf" is "база".

    Lone signs are letters, too, where no Cyrillic stands; a smiley is none. With ``keep_tail`` signs at a word's end
    are what they look like: "ghbdtn." is "привет.", else "приветю".
    """
    has_cyrillic = CYRILLIC.search(text) is not None

    def rewrite(found: re.Match[str]) -> str:
        token = found[0]
        is_other = CYRILLIC.search(token) or (has_cyrillic and not LATIN.search(token))
        if is_other or SMILEY.fullmatch(token.lower()):
            return token
        tail = _TAIL.search(token) if keep_tail else None
        end = tail.start() if tail else len(token)
        return token[:end].translate(_TO_RUSSIAN) + token[end:]

    return _TOKEN.sub(rewrite, text)


def in_latin_layout(word: str) -> str:
    """Return what the keys of a Cyrillic word type in the US layout: "руддщ" is "hello"."""
    return word.translate(_TO_LATIN)


def by_sound(text: str) -> str:
    """Return the text with its Latin words in Cyrillic, by sound: "4to delaesh" is "что делаешь"."""
    return _SPELT.sub(lambda word: _SOUND.sub(_sound, word[0]), text.lower())


def _sound(found: re.Match[str]) -> str:
    part, text = found[0], found.string
    before, after = text[found.start() - 1 : found.start()], text[found.end() : found.end() + 1]
    is_in_place = (
        (part == "y" and before in tuple("aoeu") and after not in tuple("aeou"))
        or (part == "sh" and before in ("e", "i") and not after)
        or (part == "e" and not before and after == "t" and text[found.end() + 1 : found.end() + 2] in tuple("aoi"))
    )
    return _IN_PLACE[part] if is_in_place else _SOUNDS[part]


def without_lookalikes(text: str) -> str:
    """Return the text with each word in one script, where letters that look alike allow it.

    "пpивeт" with a Latin p and e becomes Cyrillic, "hеllо" with a Cyrillic е and о Latin; a word like "приdtn", in
    which the layout was switched, becomes Cyrillic by its keys. Digits that stand for letters become them: "4то".
    """
    has_cyrillic = CYRILLIC.search(text) is not None
    return _TOKEN.sub(lambda found: _in_one_script(found[0], has_cyrillic), text)


def _in_one_script(token: str, has_cyrillic: bool) -> str:
    if not CYRILLIC.search(token):
        is_lone = len(token) == 1 and has_cyrillic  # "a ты" with a Latin a
        return token.translate(_AS_CYRILLIC) if is_lone else token
    if LATIN.search(token):
        for table in (_AS_CYRILLIC, _AS_LATIN):
            rewritten = token.translate(table)
            if not (LATIN.search(rewritten) and CYRILLIC.search(rewritten)):
                return rewritten
        return "".join(part.translate(_TO_RUSSIAN) if LATIN.search(part) else part for part in _PARTS.findall(token))
    return _CYRILLIC_WITH_DIGIT.sub(lambda word: word[0].translate(_DIGITS), token)
