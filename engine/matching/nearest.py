"""Which known phrases are most like one that has no answer: a help for whoever writes that answer. Pure.

Nothing is decided here, and so likeness of the whole suffices; what counts as the same phrase is in ``match``.
"""

from __future__ import annotations

from collections.abc import Collection

from rapidfuzz import process
from rapidfuzz.distance import Indel

LENGTH_MAX = 300  # letters that are compared
_LIKENESS_MIN = 0.3  # below it people see no likeness


def nearest_phrases(form: str, phrases: Collection[str], most: int) -> list[tuple[str, float]]:
    """Return up to ``most`` phrases with their scores, the nearest first; all forms are normalised.

    The score is that of ``match.find_closest``: 1 less half the share of letters that differ.
    """
    found = process.extract(
        form[:LENGTH_MAX], phrases, scorer=Indel.normalized_similarity, score_cutoff=_LIKENESS_MIN, limit=most
    )
    return [(phrase, round((1 + float(likeness)) / 2, 4)) for phrase, likeness, _ in found]
