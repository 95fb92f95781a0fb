"""From what was said to the answer: the same phrase, else the one that was most likely meant, if that is likely enough.

Pure: no network, no clock. The same dice give the same answer.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from engine.matching.book import AnswerRow, Layer, PhraseBook
from engine.matching.candidates import find_candidates
from engine.matching.features import Alignment, align, compared, measure
from engine.matching.forest import Forest, load_forest
from engine.matching.normalise import normalise
from engine.matching.query import Query, analyse

RANKED_MAX = 12  # candidates of an index that are compared word by word
LENGTH_MAX = 1000  # letters of a normalised phrase that are looked at; no phrase of a base is so long


@dataclass(frozen=True, slots=True)
class Found:
    """The phrase that was recognised, how likely it was meant (0 to 1), and the answer the dice chose."""

    phrase: str
    score: float
    answer: AnswerRow


@dataclass(frozen=True, slots=True)
class Candidate:
    """A known phrase that may have been meant, how likely, its answers, and for an explanation how words go together."""

    phrase: str
    score: float
    rows: list[AnswerRow]
    query: Query | None = None
    alignment: Alignment | None = None
    place: int = 0  # in the alignment


def find_answer(
    texts: Sequence[str], book: PhraseBook, bot_id: int, threshold: float, dice: random.Random
) -> Found | None:
    """Return the answer to the first of ``texts`` that has one, or None when the phrase is unsolved.

    ``texts`` are readings of one message, the likeliest last: as it was said, and without the bot's name. Each is
    tried as it is; only the last is also compared with phrases that differ.
    """
    forms = list(dict.fromkeys(normalise(text) for text in texts))
    for form in forms:
        rows = book.answers_to(form, bot_id)
        if rows:
            return Found(form, 1.0, choose(rows, dice))
    best = next(iter(find_nearest(forms[-1], book, bot_id, 1)), None) if forms else None
    if best is None or best.score < threshold:
        return None
    return Found(best.phrase, best.score, choose(best.rows, dice))


def choose(rows: Sequence[AnswerRow], dice: random.Random) -> AnswerRow:
    """Return one of the answers by weight. Rows are put in order first, so that all workers choose the same."""
    ordered = sorted(rows, key=lambda row: row.id)
    weights = [max(row.weight, 0) for row in ordered]
    return dice.choices(ordered, weights)[0] if any(weights) else dice.choice(ordered)


def find_nearest(form: str, book: PhraseBook, bot_id: int, most: int) -> list[Candidate]:
    """Return up to ``most`` phrases that may have been meant, the likeliest first."""
    query = analyse(form[:LENGTH_MAX])
    if not query.words:
        return []
    layers, parts, weights = [], [], []
    for layer in book.layers():
        phrases, heavy = find_candidates(layer.segment, query, RANKED_MAX)
        if len(phrases):
            aligned = align(layer.segment, query, phrases)
            texts = [layer.segment.text(phrase) for phrase in phrases.tolist()]
            parts.append(measure(aligned, query, texts))
            weights.append(heavy)
            layers.append((layer, phrases, texts, aligned))
    if not parts:
        return []
    features = compared(np.concatenate(parts), np.concatenate(weights))
    scores = _forest().likelihood(features)
    return _visible(layers, scores, query, bot_id, most)


def _visible(
    layers: list[tuple[Layer, "np.ndarray", list[str], Alignment]],
    scores: "np.ndarray",
    query: Query,
    bot_id: int,
    most: int,
) -> list[Candidate]:
    """Return the likeliest candidates that have an answer for this bot."""
    places = [(layer, phrases, texts, aligned, at) for layer, phrases, texts, aligned in layers for at in range(len(texts))]
    found: list[Candidate] = []
    for place in np.argsort(-scores, kind="stable").tolist():
        layer, phrases, texts, aligned, at = places[place]
        rows = layer.rows(int(phrases[at]), bot_id)
        if rows:
            found.append(Candidate(texts[at], round(float(scores[place]), 4), rows, query, aligned, at))
            if len(found) == most:
                break
    return found


@cache
def _forest() -> Forest:
    return load_forest()
