"""How well labelled queries are understood: what the table of ``salo eval`` is made from. Pure but for the index."""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from engine.matching.inquiry import Inquiry, inquire
from engine.matching.layers import LayeredIndex
from engine.matching.match import Thresholds
from engine.matching.normalise import normalise

FALSE_ACCEPTS = 0.01  # of the in-domain negatives, where no threshold is given
PEER_S = 5.0  # that the peer may take
IN_DOMAIN, NEGATIVE = "in-domain", "negative"


@dataclass(frozen=True, slots=True)
class Judged:
    """One query: its id and class, whether the likeliest phrase is right, its score, how long it took."""

    id: Any
    cls: str
    sub: str
    is_right: bool
    score: float
    ms: float


@dataclass(frozen=True, slots=True)
class Line:
    """A class of queries in the table: shares of 0 to 1."""

    name: str
    count: int
    right: float  # the likeliest phrase is right
    answered: float  # something is answered
    answered_right: float


def judge(query: dict[str, Any], index: LayeredIndex, bot_id: int, thresholds: Thresholds) -> Judged:
    """Look a labelled query up and say whether what was found is right."""
    found: Inquiry = inquire(query["q"], index, bot_id, thresholds, most=1)
    best, wanted = found.best, set(query.get("ok") or ())
    is_right = best is not None and any(row.id in wanted for row in best.rows)
    score = best.score if best else 0.0
    return Judged(query.get("id"), str(query.get("cls", "")), str(query.get("sub", "")), is_right, score, found.ms)


def threshold_of(judged: Iterable[Judged], share: float = FALSE_ACCEPTS) -> float | None:
    """Return the least score above which at most ``share`` of the in-domain negatives are; None without any."""
    scores = sorted((item.score for item in judged if _is_in_domain(item)), reverse=True)
    return min(scores[int(len(scores) * share)] + 0.0001, 1.0) if scores else None


def _is_in_domain(item: Judged) -> bool:
    return item.cls == NEGATIVE and item.sub == IN_DOMAIN


def lines(judged: Sequence[Judged], threshold: float) -> list[Line]:
    """Return the table: each class, and of each its kinds."""
    groups: dict[str, list[Judged]] = defaultdict(list)
    for item in judged:
        groups[item.cls].append(item)
        if item.sub:
            groups[f"{item.cls}/{item.sub}"].append(item)
    return [_line(name, groups[name], threshold) for name in sorted(groups)]


def _line(name: str, items: list[Judged], threshold: float) -> Line:
    return Line(
        name,
        len(items),
        statistics.mean(item.is_right for item in items),
        statistics.mean(item.score >= threshold for item in items),
        statistics.mean(item.is_right and item.score >= threshold for item in items),
    )


def percentile_ms(judged: Sequence[Judged], share: float) -> float:
    """Return the time that ``share`` of the queries took at most."""
    ranked = sorted(item.ms for item in judged)
    return ranked[min(int(len(ranked) * share), len(ranked) - 1)]


def peer_ms(queries: Sequence[str], index: LayeredIndex) -> float:
    """Return the median time of ``rapidfuzz.process.extractOne`` with ``ratio`` over all phrases, for some queries."""
    from rapidfuzz import fuzz, process

    segment = index.layers()[0].segment
    phrases = [segment.text(phrase) for phrase in range(segment.phrases)]
    took: list[float] = []
    for query in queries:
        form, started = normalise(query), time.perf_counter()
        process.extractOne(form, phrases, scorer=fuzz.ratio)
        took.append((time.perf_counter() - started) * 1000)
        if sum(took) > PEER_S * 1000:
            break
    return statistics.median(took)
