"""What a bot says to a phrase: looks it up in the index of its base, by the thresholds of the bot."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, TypeVar

from engine.desk import Stores
from engine.job import FindJob, Job
from engine.matching.inquiry import Inquiry, inquire
from engine.matching.layers import LayeredIndex
from engine.matching.match import Decision, Thresholds, find_answer

T = TypeVar("T")


def decide(texts: tuple[str, ...], job: Job | FindJob, stores: Stores, dice: random.Random) -> Decision:
    """Return what ``find_answer`` does."""
    thresholds = _thresholds(job, stores)
    return _in_index(job, stores, lambda index: find_answer(texts, index, job.bot.bot_id, thresholds, dice))


def inquire_for(phrase: str, job: Job, stores: Stores) -> Inquiry:
    """Return what the job's bot would do with another phrase, and why."""
    thresholds = _thresholds(job, stores)
    return _in_index(job, stores, lambda index: inquire(phrase, index, job.bot.bot_id, thresholds))


def _in_index(job: Job | FindJob, stores: Stores, search: Callable[[LayeredIndex], T]) -> T:
    """Search the index of the job's base. A file that turns out to be damaged is thrown away, and all done again."""
    try:
        return search(stores.library.index(job.bot.base, job.base_delta))
    except (IndexError, ValueError, OverflowError):
        if not stores.library.is_damaged(job.bot.base):
            raise
        return search(stores.library.index(job.bot.base, job.base_delta))


def _thresholds(job: Job | FindJob, stores: Stores) -> Thresholds:
    card, settings = job.bot, stores.settings.matching
    return Thresholds(
        settings.threshold if card.threshold is None else card.threshold,
        settings.suggest_threshold if card.suggest_threshold is None else card.suggest_threshold,
    )


def suggestions(decision: Decision) -> tuple[dict[str, Any], ...]:
    """Return what the verdict tells of the phrases that may have been meant."""
    return tuple(
        {"rx": found.phrase, "score": found.score, "answer_id": found.rows[0].id} for found in decision.suggested
    )
