"""Sends parts of different conversations in one request of VK's ``execute``, each with a verdict of its own.

Each part has its ``random_id`` and its reply mark, so a batch may be cut off at any point: what is sent again is
dropped by VK. What VK refuses for one part it refuses as if that had been sent alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from db.marks import MarkKeeper
from engine.desk import JobDesk, Stores, open_desk
from engine.handle import verdict_of
from engine.job import BatchJob, Sending
from engine.sending import mend, send_values, sent_id
from engine.standing import note_refusal
from engine.verdict import Part, Verdict
from engine.vk.errors import Action, VkError, VkUnavailable, redacted
from engine.vk.heard import Heard
from engine.vk.script import calls_code

METHOD = "messages.send"
# What VK says of the token or of its own state in answer to a batch, it would say to each message: the lane waits.
_OF_THE_TOKEN = (Action.RETRY, Action.SLOW_DOWN, Action.PAUSE_METHOD, Action.STOP_BOT)


def send_batch(job: BatchJob, stores: Stores) -> Verdict:
    """Return the verdict on the batch, with one for each part: ``sent``, or what its event ends with for now.

    The batch itself fails when VK refuses the packing; nothing of that is said of a single message.
    """
    desk = open_desk(job.job, stores, _nobody)
    heard = desk.vk.heard
    try:
        answers, errors = desk.execute(calls_code(METHOD, [_values(one, one.quote) for one in job.sendings]))
        ends = call_ends(answers, errors, len(job.sendings))
    except Exception as error:
        items = tuple(_item(one, _of_the_whole(error, one, job.job.token, heard)) for one in job.sendings)
        is_refused = isinstance(error, VkError) and error.meaning.action not in _OF_THE_TOKEN
        reason = redacted(str(error), job.job.token)[:300]
        return Verdict("fail" if is_refused else "done", reason=reason, items=items, **desk.slots.told())
    items = tuple(_end_of(desk, heard.copy(), one, end) for one, end in zip(job.sendings, ends, strict=True))
    return Verdict("done", items=items, **desk.slots.told())


def _of_the_whole(error: Exception, one: Sending, token: str, heard: Heard) -> Verdict:
    """Return the verdict on a part whose batch failed as one: no message is to blame, and each is tried alone."""
    verdict = verdict_of(error, one.attempt, token)
    return replace(verdict, outcome="retry", outage=True, alone=True, **heard.as_fields())


def call_ends(answers: Any, errors: Sequence[Any], count: int) -> list[Any]:
    """Return for each call its answer, or the ``VkError`` it failed with. Raises ``VkUnavailable``.

    A failed call is ``False`` among the answers, and the errors stand in their order; a last one may sum up the whole.
    """
    if not isinstance(answers, list) or len(answers) != count:
        raise VkUnavailable("execute: the answer has an unknown form")
    told = iter([error for error in errors if isinstance(error, dict) and error.get("method") in (METHOD, None)])
    return [_error(next(told, {})) if answer is False else answer for answer in answers]


def _error(told: dict[str, Any]) -> VkError:
    """Return the error of one call; one that nobody told is VK's unknown error."""
    code = told.get("error_code")
    return VkError(code if isinstance(code, int) else 1, str(told.get("error_msg") or "execute told no error"))


def _end_of(desk: JobDesk, heard: Heard, one: Sending, end: Any) -> dict[str, Any]:
    """Return the verdict on one part. ``heard`` is what VK said to the request, for what it says to this part."""
    desk.vk.heard = heard
    try:
        message_id = _sent(desk, one, end)
        if not one.is_last:  # the settle stands for the last one
            mark = MarkKeeper(desk.stores.redis, desk.mark.lease, desk.job.bot.group_id, one.entry)
            mark.sent(one.number, message_id)
    except Exception as error:
        note_refusal(desk, error, one.peer_id)
        return _item(one, replace(verdict_of(error, one.attempt, desk.job.token), **heard.as_fields()))
    return {"entry": one.entry, "verdict": "sent", "message_id": message_id, **heard.as_fields()}


def _sent(desk: JobDesk, one: Sending, end: Any) -> int | None:
    """Return the number of the message that was sent for one part, in another form where VK refused this one."""
    try:
        if isinstance(end, Exception):
            raise end
        message_id = sent_id(end)
    except VkError as error:
        desk.vk.heard.failed(METHOD, error)
        return mend(desk, _values(one, one.quote), error)
    desk.vk.heard.answered(METHOD)
    return message_id


def _values(one: Sending, quote: int) -> dict[str, Any]:
    return send_values(one.peer_id, Part(one.text, one.random_id), quote)


def _item(one: Sending, verdict: Verdict) -> dict[str, Any]:
    return {"entry": one.entry, **replace(verdict, items=()).as_message("")}


def _nobody(line: str) -> Any:
    raise AssertionError(f"a batch asks nothing: {line[:40]}")
