"""From a phrase to the known ones that were most likely meant, with how likely each is. Pure.

Candidates are found by shared words (``candidates``), compared word by word (``features``), and judged by a forest that
was trained on labelled phrases (``forest``). The same phrase is always the likeliest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from engine.matching.book import AnswerRow
from engine.matching.build import Array
from engine.matching.candidates import find_candidates
from engine.matching.features import NAMES, Comparison, compared
from engine.matching.forest import Forest, load_forest
from engine.matching.layers import Layer, LayeredIndex
from engine.matching.lexicon import look_up
from engine.matching.query import analyse
from engine.matching.spelling import number

SHARE_KNOWN_MIN = 0.5  # of the words of a reading
SHARE_MIN, COMPARED_MIN = 0.6, 3  # of the best candidate's weight, for one that is compared too
RANKED_MAX = 10  # candidates of an index that are compared word by word
LENGTH_MAX = 1000  # letters of a normalised phrase that are looked at; no phrase of a base is so long

_NUMBER_DIFFERS, _OTHER_NUMBER = NAMES.index("number_differs"), 0.5


@dataclass(frozen=True, slots=True)
class Candidate:
    """A known phrase that may have been meant, how likely, its answers, and the reading that it was compared with."""

    phrase: str
    score: float
    rows: list[AnswerRow]
    form: str


def find_nearest(forms: Sequence[str], index: LayeredIndex, bot_id: int, most: int) -> list[Candidate]:
    """Return up to ``most`` phrases that may have been meant, the likeliest first.

    ``forms`` are readings of one message (``readings.readings``).
    """
    for form in forms:
        if rows := index.answers_to(form, bot_id):
            return [Candidate(form, 1.0, rows, form), *_others(forms, form, index, bot_id, most)][:most]
    found = [candidate for form in likely_readings(forms, index) for candidate in _nearest(form, index, bot_id, most)]
    return sorted(found, key=lambda candidate: -candidate.score)[:most]


def likely_readings(forms: Sequence[str], index: LayeredIndex) -> list[str]:
    """Return the first of ``forms``, and those of which the base knows at least half of the words, and more of them.

    One that only leaves words out of the first need not have more.
    """
    if len(forms) == 1:
        return list(forms)
    plain, *others = ((form, _share_known(form, index)) for form in forms)
    words = set(plain[0].split())
    return [
        plain[0],
        *(
            form
            for form, share in others
            if share >= SHARE_KNOWN_MIN and (share > plain[1] or set(form.split()) < words)
        ),
    ]


def _others(forms: Sequence[str], exact: str, index: LayeredIndex, bot_id: int, most: int) -> list[Candidate]:
    """Return what else is near a phrase that is known; nobody asks for it when one is enough."""
    if most == 1:
        return []
    return [found for found in _nearest(forms[0], index, bot_id, most) if found.phrase != exact]


def _share_known(form: str, index: LayeredIndex) -> float:
    words = form.split()
    segment = index.layers()[0].segment
    known = set(segment.find("word", [number(word) for word in words])[1])
    return len(known) / max(len(words), 1)


def nearest_others(form: str, index: LayeredIndex, bot_id: int, most: int) -> list[Candidate]:
    """Return up to ``most`` phrases that ``form`` would be taken for if it were not known itself."""
    return _nearest(form, index, bot_id, most, form)


def _nearest(form: str, index: LayeredIndex, bot_id: int, most: int, other_than: str = "") -> list[Candidate]:
    compared_ones, features = compare(form, index, most, other_than)
    if not compared_ones:
        return []
    scores = likelihood(features)
    nearest: list[Candidate] = []
    for place in np.argsort(-scores, kind="stable").tolist():
        layer, phrase = compared_ones[place]
        rows = layer.rows(phrase, bot_id)
        if rows:
            nearest.append(Candidate(layer.segment.text(phrase), round(float(scores[place]), 4), rows, form))
            if len(nearest) == most:
                break
    return nearest


def compare(
    form: str, index: LayeredIndex, least: int = 1, other_than: str = ""
) -> tuple[list[tuple[Layer, int]], Array]:
    """Return the phrases that may have been meant, by layer and number, and their features.

    There are at least ``least`` of each layer, if it has so many. The phrase ``other_than`` is taken for unknown.
    """
    query = analyse(form[:LENGTH_MAX])
    places: list[tuple[Layer, int]] = []
    own: list[list[float]] = []
    found: list[Array] = []
    for layer in index.layers():
        phrases, scores = find_candidates(layer.segment, query, max(RANKED_MAX, least))
        if other_than:
            kept = [place for place, phrase in enumerate(phrases) if layer.segment.text(phrase) != other_than]
            phrases, scores = [phrases[place] for place in kept], scores[kept]
        if phrases:
            count = max(_worth_comparing(scores.sum(axis=1)), least)
            comparison = Comparison(layer.segment, query, phrases[:count])
            for place, phrase in enumerate(phrases[:count]):
                places.append((layer, phrase))
                own.append(comparison.count(place, layer.segment.text(phrase)))
            found.append(scores[:count])
    if not places:
        return [], np.zeros((0, len(NAMES)), np.float32)
    return places, compared(own, np.concatenate(found))


def _worth_comparing(scores: Array) -> int:
    """Return how many candidates may still win, given how much better the first are."""
    return max(int((scores >= float(scores[0]) * SHARE_MIN).sum()), COMPARED_MIN)


def likelihood(features: Array) -> Array:
    """Return for each row of features how likely it is what was meant. Another number is another meaning."""
    scores = _forest().likelihood(features)
    return np.where(features[:, _NUMBER_DIFFERS] > 0, scores * _OTHER_NUMBER, scores)


def load_matcher() -> None:
    """Load what the first search would wait for: the dictionary and the forest."""
    look_up("да")
    _forest()


@cache
def _forest() -> Forest:
    return load_forest()
