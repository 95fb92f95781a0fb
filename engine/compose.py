"""Decides and writes down the replies to several events, of different conversations, and sends nothing.

What is written down is the reply mark, as before any send; all marks of a list go to disk together. Who sends the
parts is another job's business, and a repeat of an event finds its mark, whoever died in between.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

import redis

from db.errors import SaloError
from db.limiter import LeaseLost
from db.marks import begin_all
from engine.desk import Ask, JobDesk, Stores, open_desk, open_slots
from engine.handle import handle, verdict_of
from engine.job import ComposeJob, Job
from engine.sending import resume
from engine.verdict import Verdict

NAMES_MIN = 2  # people; the name of one alone is asked for by a job of its own
SLOT_WAIT_S = 1.0
TIME_SHARE = 0.5  # of the deadline: what was not begun by then is left to another job


log = logging.getLogger(__name__)


def compose(job: ComposeJob, stores: Stores, ask_of: Callable[[Job], Ask], tell: Callable[[Job], None]) -> Verdict:
    """Return the verdict on each event: composed, or whatever it ends with when it gets no reply.

    ``tell`` says which one is begun, so that only that one is blamed for this worker's end. Events that there was no
    time for are left out.
    """
    if not job.jobs:
        return Verdict("done")
    until_s = job.jobs[0].left_s() * (1 - TIME_SHARE)
    ends: list[tuple[JobDesk, Verdict]] = []
    for item in job.jobs:
        if item.left_s() < until_s:
            break
        tell(item)
        desk = open_desk(item, stores, ask_of(item))
        ends.append((desk, handle(desk)))
    _learn_names(ends)
    items = ({"entry": desk.job.entry, **verdict.as_message(desk.job.id)} for desk, verdict in _written_down(ends))
    return Verdict("done", items=tuple(items))


def _learn_names(ends: list[tuple[JobDesk, Verdict]]) -> None:
    """Ask VK at once for the names of all new people whose replies name them, and decide those again.

    One call takes one slot, of the first such event. Without a slot they are left to jobs of their own.
    """
    lacking = {at: desk for at, (desk, verdict) in enumerate(ends) if verdict.alone and desk.writer_id}
    if len(lacking) < NAMES_MIN:
        return
    first = next(iter(lacking.values()))
    job, stores = first.job, first.stores
    first.slots = open_slots(job, stores, SLOT_WAIT_S)
    people = {desk.writer_id: desk.person or {} for desk in lacking.values()}
    try:
        named = stores.people.ask_vk_all(first.call, job.bot.base, people)
    except (SaloError, redis.RedisError) as error:
        log.warning("names not known people=%d error=%s", len(people), error)
        named = {}
    for at, desk in lacking.items():
        if desk.writer_id in named:
            desk.person = named[desk.writer_id]
            desk.news = {name: desk.person[name] for name in ("fi_name", "la_name")}
            ends[at] = (desk, handle(desk))
        elif desk is first:
            ends[at] = (desk, replace(ends[at][1], **first.slots.told(), **first.vk.heard.as_fields()))


def _written_down(ends: list[tuple[JobDesk, Verdict]]) -> list[tuple[JobDesk, Verdict]]:
    """Write the marks of all new replies, and return the verdicts as they are then."""
    new = [desk for desk, verdict in ends if desk.draft is not None and verdict.composed]
    if not new:
        return ends
    try:
        marks = begin_all(new[0].stores.redis, [desk.beginning() for desk in new])
    except Exception as error:
        failed = {id(desk): verdict_of(error, desk.job.attempt, desk.job.token) for desk in new}
    else:
        failed = {}
        for desk, mark in zip(new, marks, strict=True):
            if mark is None:
                continue
            try:
                if isinstance(mark, LeaseLost):
                    raise mark
                assert desk.draft is not None
                failed[id(desk)] = resume(desk, desk.draft[0], mark)
            except Exception as error:
                failed[id(desk)] = verdict_of(error, desk.job.attempt, desk.job.token)
    return [(desk, _instead(verdict, failed.get(id(desk)))) for desk, verdict in ends]


def _instead(verdict: Verdict, other: Verdict | None) -> Verdict:
    """Return ``other``, which became of an event after all, with what is known of its writer."""
    return verdict if other is None else replace(other, person=verdict.person, timings_ms=verdict.timings_ms)
