"""Looks one phrase up for an engine that cannot: what the bot would say to it. Sends nothing, and remembers nothing."""

from __future__ import annotations

from engine.answers import render
from engine.decide import decide, suggestions
from engine.desk import Stores
from engine.handle import verdict_of
from engine.job import FindJob
from engine.sending import dice_of
from engine.verdict import Match, Part, Reply, Verdict


def look_up(job: FindJob, stores: Stores) -> Verdict:
    """Return ``done`` with the text as the reply's only part, or ``unsolved``. Bears whatever the storage does."""
    try:
        return _look_up(job, stores)
    except Exception as error:
        return verdict_of(error, 1, "")


def _look_up(job: FindJob, stores: Stores) -> Verdict:
    dice = dice_of(job.bot.group_id, job.event_id)
    decision = decide((job.text,), job, stores, dice)
    found = decision.found
    if found is None:
        return Verdict("unsolved", match=Match(job.text, suggested=suggestions(decision)))
    text = render(found.answer.tx, {**job.names, "bot_name": job.bot.title or job.bot.name}, dice)
    match = Match(job.text, found.phrase, found.answer.id, found.score)
    return Verdict("done", reply=Reply(0, (Part(text, 0),)), match=match)
