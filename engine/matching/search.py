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
from engine.matching.query import analyse
from engine.matching.spelling import number

SHARE_KNOWN_MIN = 0.5  # of the words of a reading
SHARE_MIN, COMPARED_MIN = 0.6, 3  # of the best candidate's weight, for one that is compared too
RANKED_MAX = 10  # candidates of an index that are compared word by word
LENGTH_MAX = 1000  # letters of a normalised phrase that are looked at; no phrase of a base is so long


@dataclass(frozen=True, slots=True)
class Candidate:
    """A known phrase that may have been meant, how likely, and its answers."""

    phrase: str
    score: float
    rows: list[AnswerRow]


def find_nearest(forms: Sequence[str], index: LayeredIndex, bot_id: int, most: int) -> list[Candidate]:
    """Return up to ``most`` phrases that may have been meant, the likeliest first.

    ``forms`` are readings of one message (``readings.readings``).
    """
    for form in forms:
        if rows := index.answers_to(form, bot_id):
            return [Candidate(form, 1.0, rows), *_others(forms, form, index, bot_id, most)][:most]
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


def _nearest(form: str, index: LayeredIndex, bot_id: int, most: int) -> list[Candidate]:
    compared_ones, features = compare(form, index, most)
    if not compared_ones:
        return []
    scores = _forest().likelihood(features)
    nearest: list[Candidate] = []
    for place in np.argsort(-scores, kind="stable").tolist():
        layer, phrase = compared_ones[place]
        rows = layer.rows(phrase, bot_id)
        if rows:
            nearest.append(Candidate(layer.segment.text(phrase), round(float(scores[place]), 4), rows))
            if len(nearest) == most:
                break
    return nearest


def compare(form: str, index: LayeredIndex, least: int = 1) -> tuple[list[tuple[Layer, int]], Array]:
    """Return the phrases that may have been meant, by layer and number, and their features.

    There are at least ``least`` of each layer, if it has so many.
    """
    query = analyse(form[:LENGTH_MAX])
    places: list[tuple[Layer, int]] = []
    own: list[list[float]] = []
    found: list[Array] = []
    layers = index.layers()
    for layer in layers:
        candidates = find_candidates(layer.segment, query, max(RANKED_MAX, least))
        if candidates.phrases:
            count = max(_worth_comparing(candidates.scores.sum(axis=1)), least)
            phrases = candidates.phrases[:count]
            comparison = Comparison(layer.segment, query, phrases, candidates.near)
            for place, phrase in enumerate(phrases):
                places.append((layer, phrase))
                own.append(comparison.count(place, layer.segment.text(phrase)))
            found.append(candidates.scores[:count])
    if not places:
        return [], np.zeros((0, len(NAMES)), np.float32)
    return places, compared(own, np.concatenate(found), sum(layer.segment.phrases for layer in layers))


def _worth_comparing(scores: Array) -> int:
    """Return how many candidates may still win, given how much better the first are."""
    return max(int((scores >= float(scores[0]) * SHARE_MIN).sum()), COMPARED_MIN)


@cache
def _forest() -> Forest:
    return load_forest()
