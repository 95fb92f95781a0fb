"""One form for all spellings of a phrase, so that equal phrases are equal strings. Says nothing about likeness.

The rules, in their order:

1. A mention ``[id1|@anna]`` becomes its visible text. In a text of over 300 characters, of marks that stack on one
   letter the first three are read.
2. Unicode's compatibility form (NFKC) in small letters: "Ｐｒｉｖｅｔ" is "privet". ``ё`` becomes ``е``.
3. What nobody sees goes: zero-width and direction marks, soft hyphens, accents, lone surrogates, blank letters.
4. Smileys with letters or digits in them go where they stand as smileys: ":D", "xD", "хДД", "=P", ":3", "<3", "o_O".
   Those of signs alone go by rule 6. ``10:30``, ``c:`` and ``x=3`` are none.
5. An apostrophe within a word goes: "don't" is "dont".
6. Everything that is neither letter nor digit parts words: punctuation, signs, emoji. "кто-то" is "кто то".
7. A letter that stands three times or more in a row stands once: "приветтт" is "привет"; "ссора" stays, digits too.

Where nothing is left but smileys, signs and emoji, they are the phrase: "?!", "😀", ":d". A run of one sign is one.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata

NORMALISER_VERSION = 2  # stored forms and snapshots of another version are stale
CHARACTERS_MAX = 4096  # of which it is remembered what becomes of them

_LONG = 300  # characters, from which on marks are counted: to put a run of n in order, Unicode takes n² steps
_MARKS_MAX = 3  # on one letter

_MENTION = re.compile(r"\[(?:club|public|event|id)\d+(?::[\w-]+)?\|([^\]|]*)\]")
_ELONGATED = re.compile(r"([^\W\d_])\1{2,}")
_PLAIN = re.compile(r"[0-9a-zа-я ]*")
# In folded text. All begin where no word goes on and end where none does; ":d" may also hang on a Cyrillic word.
SMILEY = re.compile(
    r"""
    (?: (?<![^\W_]) (?: [:;][-~^'"]?(?:d+|д+|[pрcсoо]|[zз3]+) | =[-~^]?(?:d+|д+|[pр]) | <3+
          | [0oо]_+[0oо] | [oо]\.[oо] | [tт]_+[tт] | [xх]_+[xх] | [uу]_+[uу] )
      | (?<=[а-я]) [:;=]-?(?:d+|д+)
      | (?<!\S) [xх]+[dд]+
    ) (?![^\W_])
    """,
    re.VERBOSE,
)
_APOSTROPHE = re.compile(r"(?<=[^\W\d_])['’ʼ`](?=[^\W\d_])")
_RUN = re.compile(r"(.)\1+", re.DOTALL)
_BLANK_LETTERS = frozenset("\u115f\u1160\u3164\uffa0\u2800\ufffd")  # Unicode takes them for letters or signs
_PASSES_MAX = 8  # Unicode's own folding is not idempotent for a few characters; two passes do for all others


def normalise(text: str) -> str:
    """Return the normalised phrase: small letters and digits, single spaces; ``normalise`` of it is itself.

    By the rules above. Empty when nothing visible is left. Takes time in proportion to the length.
    """
    form = _MENTION.sub(r"\1", text) if "[" in text else text
    if len(form) > _LONG:
        form = _with_few_marks(form)
    for _ in range(_PASSES_MAX):
        before, form = form, _one_pass(form)
        if form == before or (_PLAIN.fullmatch(form) and not _may_laugh(form)):  # a pass would leave it alone
            break
    return form


def phrase_hash(rx_norm: str) -> str:
    """Return the 32 hexadecimal digits that the base indexes a normalised phrase by."""
    return hashlib.blake2b(rx_norm.encode("utf-8", "replace"), digest_size=16).hexdigest()


def characters_known() -> int:
    """Return of how many characters it is remembered what becomes of them."""
    return len(_IN_WORDS)


def _one_pass(text: str) -> str:
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).replace("ё", "е")
    bare = SMILEY.sub(" ", folded) if _may_smile(folded) else folded
    if "'" in bare or "’" in bare or "`" in bare or "ʼ" in bare:
        bare = _APOSTROPHE.sub("", bare)
    words = bare.translate(_IN_WORDS).split()
    if not words:  # only signs: keep them, a run of one sign as one
        visible = "".join(character for character in folded if not _is_invisible(character))
        return _RUN.sub(r"\1", "".join(visible.split()))
    return _ELONGATED.sub(r"\1", " ".join(words))


def _may_smile(text: str) -> bool:
    """Can there be a smiley in a folded text at all? Plain searches: an expression takes ten times as long."""
    has_eyes = ":" in text or ";" in text or "=" in text or "<" in text or "_" in text
    return has_eyes or "o.o" in text or "о.о" in text or _may_laugh(text)


def _may_laugh(text: str) -> bool:
    return "xd" in text or "хд" in text or "хd" in text or "xд" in text


def _with_few_marks(text: str) -> str:
    """Return the text with at most three marks in a row."""
    kept, row = [], 0
    for character in text:
        row = row + 1 if unicodedata.combining(character) else 0
        if row <= _MARKS_MAX:
            kept.append(character)
    return "".join(kept)


def _is_invisible(character: str) -> bool:
    """Marks that stack on letters, joiners, soft hyphens, lone surrogates: people do not see or type them."""
    return unicodedata.category(character) in ("Mn", "Me", "Cf", "Cs", "Co", "Cn") or character in _BLANK_LETTERS


def _is_wordy(character: str) -> bool:
    return unicodedata.category(character)[0] in "LN" or unicodedata.category(character) == "Mc"


class _InWords(dict[int, str]):
    """What becomes of a character among words: itself, a space, or nothing. A table for ``str.translate``."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        form = "" if _is_invisible(character) else character if _is_wordy(character) else " "
        if len(self) < CHARACTERS_MAX:
            self[code] = form
        return form


_IN_WORDS = _InWords()
