"""One index as its readers see it: numpy arrays, in memory or mapped from a file, and how to look things up in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.matching.build import Array, phrase_number
from engine.matching.lexicon import kind_of

WORDS_KEPT_MAX = 20_000  # words of an index whose texts are remembered


@dataclass(frozen=True, slots=True)
class KnownWord:
    """A word of an index: its text, its lemma's number, its ``Grammar``, how rare the lemma is (0 to 1), its kind."""

    text: str
    lemma: int
    grammar: int
    rarity: float
    kind: int


class Segment:
    """Read-only views of the arrays that ``build.build_arrays`` makes. Numbers of phrases and words are its own."""

    def __init__(self, arrays: Mapping[str, Array]) -> None:
        self.tokens, self.token_at = arrays["tokens"], arrays["token_at"]
        self.length_at = arrays["length_at"]
        self.text_at, self.texts = arrays["text_at"], arrays["texts"]
        self.word_lemma, self.word_grammar = arrays["word_lemma"], arrays["word_grammar"]
        self.word_at, self.words = arrays["word_at"], arrays["words"]
        self.lemma_number, self.lemma_at = arrays["lemma_number"], arrays["lemma_at"]
        self.postings = arrays["postings"]
        self.lemma_idf, self.phrase_idf = arrays["lemma_idf"], arrays["phrase_idf"]
        self.row_at, self.row_id, self.row_bot = arrays["row_at"], arrays["row_id"], arrays["row_bot"]
        self.row_weight, self.answer_at, self.answers = arrays["row_weight"], arrays["answer_at"], arrays["answers"]
        self.keys = {name[:-4]: values for name, values in arrays.items() if name.endswith("_key")}
        self.leads = {name[:-3]: values for name, values in arrays.items() if name.endswith("_of")}
        self.phrases = len(self.token_at) - 1
        self.of_phrases = np.zeros(self.phrases, np.float32)  # scratch of one search, all zeros between two
        self.of_lemmas = np.zeros(len(self.lemma_number), np.float32)
        self.of_words = np.zeros(len(self.word_lemma), np.float32)
        self.gram_at, self.grams = arrays["gram_at"], arrays["grams"]
        self._known: dict[int, KnownWord] = {}

    def find(self, way: str, wanted: Sequence[int], most: int = 0) -> tuple[list[int], list[int]]:
        """Return what ``wanted`` numbers lead to, and for each find the place of its number in ``wanted``.

        With ``most``, numbers that lead to more than that are left out: they tell little.
        """
        keys, leads = self.keys[way], self.leads[way]
        if not wanted or not len(keys):
            return [], []
        numbers = np.array(wanted, keys.dtype)
        first = keys.searchsorted(numbers)
        hits = (keys.take(first, mode="clip") == numbers).nonzero()[0]
        if not len(hits):
            return [], []
        starts, last = first[hits].tolist(), keys.searchsorted(numbers[hits], "right").tolist()
        found: list[int] = []
        which: list[int] = []
        for place, start, end in zip(hits.tolist(), starts, last, strict=True):
            if start != end and (not most or end - start <= most):
                found += leads[start:end].tolist()
                which += [place] * (end - start)
        return found, which

    def phrase_of(self, rx_norm: str) -> int:
        """Return the number of exactly this phrase, or -1."""
        found, _which = self.find("exact", [phrase_number(rx_norm)])
        return next((phrase for phrase in found if self.text(phrase) == rx_norm), -1)

    def has_id(self, answer_id: int) -> bool:
        """Is it an answer of this index?"""
        return bool(self.find("id", [answer_id])[0])

    def rarity_of(self, lemma_number: int) -> float:
        """Return how rare a lemma is in this index; one that it has not is as rare as can be."""
        return self.rarities([lemma_number])[0]

    def rarities(self, lemma_numbers: Sequence[int]) -> list[float]:
        """Return how rare each lemma is."""
        rarity = [1.0] * len(lemma_numbers)
        for lemma, place in zip(*self.find("lemma", lemma_numbers), strict=True):
            rarity[place] = float(self.lemma_idf[lemma])
        return rarity

    def known_word(self, word: int) -> KnownWord:
        """Return what is known of a word of this index."""
        known = self._known.get(word)
        if known is None:
            if len(self._known) >= WORDS_KEPT_MAX:
                self._known.clear()
            lemma = self.word_lemma[word]
            known = self._known[word] = KnownWord(
                _text(self.words, self.word_at, word),
                int(self.lemma_number[lemma]),
                grammar := int(self.word_grammar[word]),
                float(self.lemma_idf[lemma]),
                kind_of(grammar),
            )
        return known

    def text(self, phrase: int) -> str:
        """Return a phrase."""
        return _text(self.texts, self.text_at, phrase)

    def texts_of(self, phrases: Sequence[int]) -> list[str]:
        """Return several phrases; one by one takes much longer."""
        places = np.array(phrases, np.int64)
        starts, ends = self.text_at[places].tolist(), self.text_at[places + 1].tolist()
        raw: Any = self.texts.data
        return [str(raw[start:end], "utf-8", "surrogatepass") for start, end in zip(starts, ends, strict=True)]

    def answer(self, row: int) -> str:
        """Return the answer of a row."""
        return _text(self.answers, self.answer_at, row)


def _text(texts: Array, at: Array, place: int) -> str:
    raw: Any = texts[at[place] : at[place + 1]]
    return bytes(raw.data).decode("utf-8", "surrogatepass")
