"""Finds thresholds that suit a base, from its own phrases: what they would be taken for if they were not known.

A phrase that is taken out of the base stands for one that the base has no answer to; another phrase with other answers
is then a wrong one, unless the two say the same in other forms or another order. A phrase with a slip in it stands for
one that is to be answered.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from engine.matching.book import EVERY_BOT
from engine.matching.explain import say_the_same
from engine.matching.layers import LayeredIndex
from engine.matching.search import find_nearest, nearest_others

SAMPLE = 1_000  # phrases
WORD_MIN = 4  # letters of a word that a slip is made in
LEAST, MOST = 0.3, 0.95
_ROWS = ("йцукенгшщзхъ", "фывапролджэ", "ячсмитьбю", "qwertyuiop", "asdfghjkl", "zxcvbnm")
_NEIGHBOURS = {
    letter: row[max(at - 1, 0) : at] + row[at + 1 : at + 2] for row in _ROWS for at, letter in enumerate(row)
}

Told = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Calibration:
    """Scores: of the likeliest wrong phrase for each that was taken out, and of the right one for each misspelt."""

    foreign: tuple[float, ...]
    misspelt: tuple[float, ...]

    def threshold(self, share: float) -> float:
        """Return the least score above which at most ``share`` of the foreign phrases would be answered.

        What a few phrases say is not trusted beyond ``LEAST`` and ``MOST``.
        """
        ranked = sorted(self.foreign, reverse=True)
        return min(max(ranked[int(len(ranked) * share)] + 0.0001, LEAST), MOST) if ranked else MOST

    def answered_foreign(self, threshold: float) -> float:
        """Return the share of foreign phrases that are answered from ``threshold`` on."""
        return _share(self.foreign, threshold)

    def answered_misspelt(self, threshold: float) -> float:
        """Return the share of misspelt phrases that are answered, rightly, from ``threshold`` on."""
        return _share(self.misspelt, threshold)


def calibrate(index: LayeredIndex, seed: int, told: Told = lambda done, total: None) -> Calibration:
    """Measure a sample of the phrases of ``index``. The same seed measures the same."""
    dice = random.Random(seed)
    segment = index.layers()[0].segment
    sample = dice.sample(range(segment.phrases), min(SAMPLE, segment.phrases))
    foreign, misspelt = [], []
    for done, phrase in enumerate(sample, 1):
        text = segment.text(phrase)
        answers = {row.tx for row in index.answers_to(text, EVERY_BOT)}
        if not answers:
            continue
        others = nearest_others(text, index, EVERY_BOT, 1)
        if not others or not (answers & {row.tx for row in others[0].rows} or say_the_same(text, others[0].phrase)):
            foreign.append(others[0].score if others else 0.0)
        slipped = with_slip(text, dice)
        if slipped != text and not index.answers_to(slipped, EVERY_BOT):
            found = find_nearest((slipped,), index, EVERY_BOT, 1)
            misspelt.append(found[0].score if found and found[0].phrase == text else 0.0)
        told(done, len(sample))
    return Calibration(tuple(foreign), tuple(misspelt))


def with_slip(text: str, dice: random.Random) -> str:
    """Return a phrase with one slip of the keyboard in a longer word; the phrase itself when it has none."""
    words = text.split()
    places = [place for place, word in enumerate(words) if len(word) >= WORD_MIN and word.isalpha()]
    if not places:
        return text
    place = dice.choice(places)
    words[place] = dice.choice(list(_slips(words[place], dice)))
    return " ".join(words)


def _slips(word: str, dice: random.Random) -> Iterator[str]:
    at = dice.randrange(1, len(word) - 1)
    yield word[:at] + word[at + 1 :]
    yield word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    yield word[:at] + word[at] + word[at:]
    yield word[:at] + dice.choice(_NEIGHBOURS.get(word[at], "") or word[at]) + word[at + 1 :]


def _share(scores: tuple[float, ...], threshold: float) -> float:
    return sum(score >= threshold for score in scores) / max(len(scores), 1)
