"""One phrase looked up as a bot would, with all that was considered: for those who want to know why."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from engine.matching.explain import reasons
from engine.matching.layers import LayeredIndex
from engine.matching.match import Thresholds
from engine.matching.normalise import normalise
from engine.matching.readings import readings
from engine.matching.search import Candidate, find_nearest

CANDIDATES = 5

Verdict = Literal["answer", "suggest", "unsolved"]


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What was found for ``said``: the decision, the candidates, the likeliest first, and how long that took."""

    said: str
    decision: Verdict
    candidates: tuple[Candidate, ...]
    ms: float

    @property
    def best(self) -> Candidate | None:
        return self.candidates[0] if self.candidates else None

    def why(self, candidate: Candidate) -> list[str]:
        """Return how a candidate differs from what was said, in the language in use."""
        return [reason.told() for reason in reasons(normalise(self.said), candidate.form, candidate.phrase)]

    def as_data(self) -> dict[str, Any]:
        """Return it as JSON has it. ``answer_id``, ``rx``, ``score`` are the likeliest candidate's, if there is any."""
        best = self.best
        return {
            "decision": self.decision,
            "answer_id": best.rows[0].id if best else None,
            "rx": best.phrase if best else None,
            "score": best.score if best else None,
            "candidates": [
                {"rx": item.phrase, "score": item.score, "answer_id": item.rows[0].id, "why": self.why(item)}
                for item in self.candidates
            ],
            "ms": round(self.ms, 3),
        }


def inquire(said: str, index: LayeredIndex, bot_id: int, thresholds: Thresholds, most: int = CANDIDATES) -> Inquiry:
    """Look ``said`` up. With ``most`` of 1 nothing else is sought where the same phrase is known."""
    started = time.perf_counter()
    found = tuple(find_nearest(readings(said), index, bot_id, most))
    took_ms = (time.perf_counter() - started) * 1000
    return Inquiry(said, decision_of(found, thresholds), found, took_ms)


def decision_of(candidates: Iterable[Candidate], thresholds: Thresholds) -> Verdict:
    """Return what is done with what was found."""
    score = max((candidate.score for candidate in candidates), default=-1.0)
    return "answer" if score >= thresholds.answer else "suggest" if score >= thresholds.suggest else "unsolved"
