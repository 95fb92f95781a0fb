"""From what was said to the answer: that to the same phrase, else to the likeliest one if it is likely enough.

Pure but for the index: no clock, and the same dice give the same answer.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from engine.matching.book import AnswerRow
from engine.matching.layers import LayeredIndex
from engine.matching.normalise import normalise
from engine.matching.readings import readings
from engine.matching.search import Candidate, find_nearest

SUGGESTED_MAX = 3  # phrases that a moderator is shown for one that is unsolved


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Scores (0 to 1) from which the likeliest phrase's answer is given, and from which it is suggested."""

    answer: float
    suggest: float


@dataclass(frozen=True, slots=True)
class Found:
    """The phrase that was recognised, how likely it was meant (0 to 1), and the answer the dice chose."""

    phrase: str
    score: float
    answer: AnswerRow


@dataclass(frozen=True, slots=True)
class Decision:
    """What was found, or None for what is unsolved; then ``suggested`` are phrases that may have been meant."""

    found: Found | None
    suggested: tuple[Candidate, ...] = ()


def find_answer(
    texts: tuple[str, ...], index: LayeredIndex, bot_id: int, thresholds: Thresholds, dice: random.Random
) -> Decision:
    """Return the answer to the first of ``texts`` that has one, or what it may have meant.

    ``texts`` are readings of one message, the likeliest last: as it was said, and without the bot's name. Each is
    tried as it is; only the last is also compared with phrases that differ.
    """
    for form in dict.fromkeys(normalise(text) for text in texts):
        rows = index.answers_to(form, bot_id)
        if rows:
            return Decision(Found(form, 1.0, choose(rows, dice)))
    nearest = find_nearest(readings(texts[-1]), index, bot_id, SUGGESTED_MAX)
    for candidate in nearest:
        if candidate.score < thresholds.answer:
            break
        rows = index.answers_to(candidate.phrase, bot_id)  # all of them, of every layer
        if rows:
            return Decision(Found(candidate.phrase, candidate.score, choose(rows, dice)))
    return Decision(None, tuple(found for found in nearest if found.score >= thresholds.suggest))


def choose(rows: list[AnswerRow], dice: random.Random) -> AnswerRow:
    """Return one of the answers by weight. Rows are put in order first, so that all workers choose the same."""
    ordered = sorted(rows, key=lambda row: row.id)
    weights = [max(row.weight, 0) for row in ordered]
    return dice.choices(ordered, weights)[0] if any(weights) else dice.choice(ordered)
