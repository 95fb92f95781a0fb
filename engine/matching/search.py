"""From a phrase to the known ones that were most likely meant, with how likely each is. Pure.

Candidates are found by shared words (``candidates``), compared word by word (``features``), and judged by two forests
that were trained on labelled phrases (``forest``). The same phrase is always the likeliest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import accumulate

import numpy as np

from engine.matching.book import AnswerRow
from engine.matching.build import Array
from engine.matching.candidates import LIKENESS, find_candidates
from engine.matching.features import NAMES, Comparison, compared
from engine.matching.forest import Forests, load_forests
from engine.matching.layers import Layer, LayeredIndex
from engine.matching.lexicon import look_up
from engine.matching.query import analyse
from engine.matching.spelling import number

SHARE_KNOWN_MIN = 0.5  # of the words of a reading
SHARE_MIN, COMPARED_MIN = 0.65, 3  # of the best candidate's weight, for one that is compared too
LARGE, RANKED_OF_LARGE_MAX = 300_000, 12  # phrases of an index that has many alike, and candidates of it
RANKED_MAX = 8  # candidates of an index that are compared word by word
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
    found = [ranked for form in likely_readings(forms, index) for ranked in _nearest(form, index, bot_id, most)]
    found.sort(key=lambda ranked: -ranked.rank)
    return _in_order(found[:most])


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
    return [found for found in _in_order(_nearest(forms[0], index, bot_id, most)) if found.phrase != exact]


def _share_known(form: str, index: LayeredIndex) -> float:
    words = form.split()
    segment = index.layers()[0].segment
    known = set(segment.find("word", [number(word) for word in words])[1])
    return len(known) / max(len(words), 1)


def nearest_others(form: str, index: LayeredIndex, bot_id: int, most: int) -> list[Candidate]:
    """Return up to ``most`` phrases that ``form`` would be taken for if it were not known itself."""
    return _in_order(_nearest(form, index, bot_id, most, form))


@dataclass(frozen=True, slots=True)
class _Ranked:
    rank: float
    candidate: Candidate


def _in_order(found: list[_Ranked]) -> list[Candidate]:
    """Return candidates with scores that fall: one that stands behind another is no likelier to be meant."""
    scores = accumulate((ranked.candidate.score for ranked in found), min)
    return [replace(ranked.candidate, score=score) for ranked, score in zip(found, scores, strict=True)]


def _nearest(form: str, index: LayeredIndex, bot_id: int, most: int, other_than: str = "") -> list[_Ranked]:
    """Return up to ``most`` candidates, the first in rank first."""
    places, features = compare(form, index, most, other_than)
    if not places:
        return []
    ranks = rank(features)
    chosen: list[tuple[int, list[AnswerRow]]] = []
    for place in np.argsort(-ranks, kind="stable").tolist():
        layer, phrase = places[place]
        if rows := layer.rows(phrase, bot_id):
            chosen.append((place, rows))
            if len(chosen) == most:
                break
    if not chosen:
        return []
    scores = likelihood(features[[place for place, _rows in chosen]]).tolist()
    return [
        _Ranked(float(ranks[place]), Candidate(rows[0].rx_norm, round(score, 4), rows, form))
        for (place, rows), score in zip(chosen, scores, strict=True)
    ]


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
    layers = index.layers()
    is_quick = least <= COMPARED_MIN and not other_than  # whoever wants more wants to see what is beside the best
    for layer in layers:
        most = RANKED_OF_LARGE_MAX if layer.segment.phrases > LARGE else RANKED_MAX
        candidates = find_candidates(layer.segment, query, max(most, least), is_quick=is_quick)
        phrases, texts, scores = candidates.phrases, candidates.texts, candidates.scores
        if other_than in texts:
            kept = [place for place, text in enumerate(texts) if text != other_than]
            phrases, texts, scores = [phrases[place] for place in kept], [texts[place] for place in kept], scores[kept]
        if phrases:
            count = max(_worth_comparing(scores[:, 0] + LIKENESS * scores[:, 1]), least)
            comparison = Comparison(layer.segment, query, phrases[:count], candidates.near, candidates.rarity)
            places += [(layer, phrase) for phrase in phrases[:count]]
            own += [comparison.count(place, text) for place, text in enumerate(texts[:count])]
            found.append(scores[:count])
    if not places:
        return [], np.zeros((0, len(NAMES)), np.float32)
    return places, compared(own, np.concatenate(found), sum(layer.segment.phrases for layer in layers))


def _worth_comparing(scores: Array) -> int:
    """Return how many candidates may still win, given how much better the first are."""
    return max(int((scores >= float(scores[0]) * SHARE_MIN).sum()), COMPARED_MIN)


def rank(features: Array) -> Array:
    """Return for each row of features how likely it is the one among the others that was meant."""
    return _less_by_number(features, _forests().rank.likelihood(features))


def likelihood(features: Array) -> Array:
    """Return for each row of features how likely it is what was meant, whatever else is as near."""
    return _less_by_number(features, _forests().accept.likelihood(features))


def _less_by_number(features: Array, scores: Array) -> Array:
    """Return scores, lower for another number: that is another meaning."""
    return np.where(features[:, _NUMBER_DIFFERS] > 0, scores * _OTHER_NUMBER, scores)


def load_matcher() -> None:
    """Load what the first search would wait for: the dictionary and the forest."""
    look_up("да")
    _forests()


@cache
def _forests() -> Forests:
    return load_forests()
