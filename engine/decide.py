"""What a bot says to a phrase: looks it up in the index of its base, by the thresholds of the bot."""

from __future__ import annotations

import logging
import random
from typing import Any

from engine.desk import Stores
from engine.job import FindJob, Job
from engine.matching.match import Decision, Thresholds, find_answer

log = logging.getLogger(__name__)


def decide(texts: tuple[str, ...], job: Job | FindJob, stores: Stores, dice: random.Random) -> Decision:
    """Return what ``find_answer`` does. A file that turns out to be damaged is thrown away, and all is done again."""
    card, settings = job.bot, stores.settings.matching
    thresholds = Thresholds(
        settings.threshold if card.threshold is None else card.threshold,
        settings.suggest_threshold if card.suggest_threshold is None else card.suggest_threshold,
    )
    index = stores.library.index(card.base, job.base_delta)
    try:
        return find_answer(texts, index, card.bot_id, thresholds, dice)
    except (IndexError, ValueError, OverflowError):
        if not stores.library.is_damaged(card.base):
            raise
        index = stores.library.index(card.base, job.base_delta)
        return find_answer(texts, index, card.bot_id, thresholds, dice)


def suggestions(decision: Decision) -> tuple[dict[str, Any], ...]:
    """Return what the verdict tells of the phrases that may have been meant."""
    return tuple(
        {"rx": found.phrase, "score": found.score, "answer_id": found.rows[0].id} for found in decision.suggested
    )
