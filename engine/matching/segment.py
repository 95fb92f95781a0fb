"""One index as its readers see it: numpy arrays, in memory or mapped from a file, and how to look things up in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.matching.build import Array, phrase_number, spread


class Segment:
    """Read-only views of the arrays that ``build.build_arrays`` makes. Numbers of phrases and words are its own."""

    def __init__(self, arrays: Mapping[str, Array]) -> None:
        self.tokens, self.token_at = arrays["tokens"], arrays["token_at"]
        self.length_at = arrays["length_at"]
        self.text_at, self.texts = arrays["text_at"], arrays["texts"]
        self.word_lemma, self.word_grammar = arrays["word_lemma"], arrays["word_grammar"]
        self.word_at, self.words = arrays["word_at"], arrays["words"]
        self.lemma_number, self.lemma_at, self.postings = (
            arrays["lemma_number"],
            arrays["lemma_at"],
            arrays["postings"],
        )
        self.lemma_idf, self.phrase_idf = arrays["lemma_idf"], arrays["phrase_idf"]
        self.row_at, self.row_id, self.row_bot = arrays["row_at"], arrays["row_id"], arrays["row_bot"]
        self.row_weight, self.answer_at, self.answers = arrays["row_weight"], arrays["answer_at"], arrays["answers"]
        self.keys = {name[:-4]: values for name, values in arrays.items() if name.endswith("_key")}
        self.leads = {name[:-3]: values for name, values in arrays.items() if name.endswith("_of")}
        self.phrases = len(self.token_at) - 1

    def find(self, way: str, wanted: Array, most: int = 0) -> tuple[Array, Array]:
        """Return what ``wanted`` numbers lead to, and for each find the place of its number in ``wanted``.

        With ``most``, numbers that lead to more than that are left out: they tell little.
        """
        keys = self.keys[way]
        first = keys.searchsorted(wanted, "left")
        counts = keys.searchsorted(wanted, "right") - first
        if most:
            counts[counts > most] = 0
        which = np.repeat(np.arange(len(wanted)), counts)
        return self.leads[way][spread(first, counts)], which

    def phrase_of(self, rx_norm: str) -> int:
        """Return the number of exactly this phrase, or -1."""
        wanted = np.uint64(phrase_number(rx_norm))
        keys = self.keys["exact"]
        place = int(keys.searchsorted(wanted))
        while place < len(keys) and keys[place] == wanted:
            phrase = int(self.leads["exact"][place])
            if self.text(phrase) == rx_norm:
                return phrase
            place += 1
        return -1

    def has_id(self, answer_id: int) -> bool:
        keys = self.keys["id"]
        place = int(keys.searchsorted(answer_id))
        return place < len(keys) and int(keys[place]) == answer_id

    def rarity_of(self, lemma_number: int) -> float:
        """Return how rare a lemma is in this index; one that it has not is as rare as can be."""
        found, _which = self.find("lemma", np.array([lemma_number], np.uint32))
        return float(self.lemma_idf[found[0]]) if len(found) else 1.0

    def text(self, phrase: int) -> str:
        return _text(self.texts, self.text_at, phrase)

    def word(self, word: int) -> str:
        return _text(self.words, self.word_at, word)

    def answer(self, row: int) -> str:
        return _text(self.answers, self.answer_at, row)


def _text(texts: Array, at: Array, place: int) -> str:
    raw: Any = texts[at[place] : at[place + 1]]
    return bytes(raw.data).decode("utf-8", "surrogatepass")
