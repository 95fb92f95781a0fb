"""One form for all spellings of a phrase, so that equal phrases are equal strings. Says nothing about likeness."""

from __future__ import annotations

import hashlib
import re
import unicodedata

NORMALISER_VERSION = 1  # stored forms and snapshots of another version are stale
CHARACTERS_MAX = 4096  # of which it is remembered what becomes of them

_MENTION = re.compile(r"\[(?:club|public|event|id)\d+\|([^\]|]*)\]")
_ELONGATED = re.compile(r"([^\W\d_])\1{2,}")
_PLAIN = re.compile(r"[0-9a-zа-я ]*")
_PASSES_MAX = 8  # Unicode's own folding is not idempotent for a few characters; two passes do for all others


def normalise(text: str) -> str:
    """Return the normalised phrase: small letters and digits, single spaces; ``normalise`` of it is itself.

    A mention becomes its visible text, ``ё`` becomes ``е``, "приветтт" becomes "привет". Punctuation and emoji
    go, unless there is nothing else: "?!" and "😀" are phrases too. Empty when nothing visible is left.
    """
    form = _MENTION.sub(r"\1", text)
    for _ in range(_PASSES_MAX):
        before, form = form, _one_pass(form)
        if form == before or _PLAIN.fullmatch(form):  # a pass would leave plain letters alone
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
    words = folded.translate(_IN_WORDS)
    if not words.strip():  # only signs: keep them, a run of one sign as one
        visible = "".join(character for character in folded if not _is_invisible(character))
        return re.sub(r"(.)\1+", r"\1", "".join(visible.split()))
    return _ELONGATED.sub(r"\1", " ".join(words.split()))


def _is_invisible(character: str) -> bool:
    """Marks that stack on letters, joiners, soft hyphens, lone surrogates: people do not see or type them."""
    return unicodedata.category(character) in ("Mn", "Me", "Cf", "Cs", "Co", "Cn") or character == "\ufffd"


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
