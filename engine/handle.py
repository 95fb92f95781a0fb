"""The life of one job: from the event to the verdict. Every way it can go wrong ends in a verdict, never in silence."""

from __future__ import annotations

import logging
import time
import traceback
from dataclasses import replace

import redis

from db.errors import StorageUnavailable
from db.limiter import LeaseLost, NoSlot
from db.redis_errors import is_not_now
from engine.addressing import Address, find_address
from engine.answers import needs_names, render
from engine.commands.dispatch import ChatContext, run_chat_command
from engine.commands.roles import role_of
from engine.decide import decide, inquire_for, suggestions
from engine.desk import JobDesk
from engine.errors import BaseUnavailable, MayHaveBeenSent, NeedsSlot
from engine.message import Message, parse_message
from engine.reply import compose_parts
from engine.sending import Draft, dice_of, resume, send
from engine.standing import EVENTS, forget_refused, learn_from_action, learn_from_event, note_refusal, refusal
from engine.verdict import Match, Outcome, Verdict
from engine.vk.errors import Action, VkError, VkUnavailable, redacted
from engine.vk.random_id import event_number

TRACE_MAX = 8000
BASE_WAIT_S = 5.0
_ANSWER_BUTTON = "messages.sendMessageEventAnswer"
_TOO_LATE = 100  # messages.sendMessageEventAnswer: the button's time is over, or it was answered

log = logging.getLogger(__name__)


def handle(desk: JobDesk) -> Verdict:
    """Return the verdict on one job. Never raises for anything that a message, VK or the storage can do."""
    started = time.monotonic()
    try:
        verdict = _handle_event(desk)
    except Exception as error:
        verdict = verdict_of(error, desk.job.attempt, desk.job.token)
        note_refusal(desk, error)
        forget_refused(desk, error, started)
    verdict = replace(verdict, **desk.vk.heard.as_fields())
    desk.timings_ms["total"] = _since_ms(started)
    return replace(verdict, person=desk.news, timings_ms=dict(desk.timings_ms), **desk.slots.told())


def verdict_of(error: Exception, attempt: int, token: str) -> Verdict:
    """Return what an error means for the event."""
    match error:
        case LeaseLost():
            return Verdict("retry", reason="the lane was taken over", outage=True)
        case MayHaveBeenSent():
            return Verdict("fail", reason=str(error), outage=True)
        case VkError():
            return _verdict_of_vk(error, attempt)
        case BaseUnavailable():
            return Verdict("retry", reason=str(error), retry_after_s=BASE_WAIT_S, outage=True)
        case NeedsSlot():
            return Verdict("retry", reason=str(error), outage=True, alone=True)
        case VkUnavailable() | NoSlot() | StorageUnavailable():
            return Verdict("retry", reason=str(error), outage=True)
        case redis.RedisError() if is_not_now(error):
            return Verdict("retry", reason=f"redis: {error}"[:300], outage=True)
    trace = redacted("".join(traceback.format_exception(error)), token)[-TRACE_MAX:]
    reason = redacted(f"{type(error).__name__}: {error}", token)[:300]
    return Verdict("retry", reason=reason, trace=trace)


def _verdict_of_vk(error: VkError, attempt: int) -> Verdict:
    meaning = error.meaning
    match meaning.action:
        case Action.RETRY:
            return Verdict("retry", reason=str(error), retry_after_s=meaning.after_s)
        case Action.SLOW_DOWN | Action.PAUSE_METHOD | Action.STOP_BOT:  # the lane waits, not this conversation alone
            return Verdict("retry", reason=str(error), outage=True)
        case Action.COOL_DOWN if attempt == 1:  # one late try: more of the same makes it worse
            return Verdict("retry", reason=str(error), retry_after_s=meaning.after_s)
        case Action.DROP | Action.CLOSE:
            return Verdict("ignored", reason=str(error))
    return Verdict("fail", reason=str(error))


def _handle_event(desk: JobDesk) -> Verdict:
    match desk.job.event_type:
        case "message_new":
            message = parse_message(desk.job.event)
            return _handle_message(desk, message) if message else Verdict("ignored", reason="no message")
        case "message_event":
            return _answer_button(desk)
        case kind if kind in EVENTS:
            return learn_from_event(desk)
    return Verdict("ignored", reason=desk.job.event_type)


def _handle_message(desk: JobDesk, message: Message) -> Verdict:
    if message.is_out or message.from_id < 0:
        return Verdict("ignored", reason="not from a person")  # and never a talk with ourselves
    if message.is_service:
        return learn_from_action(desk, message)
    address = find_address(message, desk.job.bot.group_id, desk.job.bot.names)
    if address is None:
        return Verdict("ignored", reason="not addressed")
    if desk.job.is_repeat:
        mark = desk.mark.read()
        if mark is not None:
            return resume(desk, message, mark)
    if refused := refusal(desk, message):
        return Verdict("ignored", reason=refused)
    _know_person(desk, message)
    if (desk.person or {}).get("status") == "banned":
        return Verdict("ignored", reason="banned")
    verdict = _reply(desk, message, address)
    _get_acquainted(desk, message)
    return verdict


def _reply(desk: JobDesk, message: Message, address: Address) -> Verdict:
    """Decide what is said, and send it."""
    command = run_chat_command(address.text, _chat_context(desk, message, address))
    if command is not None:
        if not command.strip():
            return Verdict("ignored", reason="a command for another bot")
        return _send_text(desk, message, "done", command, Match(address.text))
    started = time.monotonic()
    dice = dice_of(desk.job.bot.group_id, desk.job.event_id)
    decision = decide((address.text, address.bare), desk.job, desk.stores, dice)
    found = decision.found
    desk.timings_ms["match"] = _since_ms(started)
    if found is None:
        match = Match(address.bare, suggested=suggestions(decision))
        silent = not message.is_private or not desk.job.bot.unsolved_text.strip()
        if silent:
            return Verdict("unsolved", match=match)
        return _send_text(desk, message, "unsolved", desk.job.bot.unsolved_text, match)
    if _is_nameless(desk) and needs_names(found.answer.tx):
        desk.slots.take()
        _learn_names(desk, message)
    names = {**(desk.person or {}), "bot_name": desk.job.bot.title or desk.job.bot.name}
    text = render(found.answer.tx, names, dice)
    return _send_text(desk, message, "done", text, Match(address.bare, found.phrase, found.answer.id, found.score))


def _send_text(desk: JobDesk, message: Message, outcome: Outcome, text: str, match: Match) -> Verdict:
    number = message.cmid or event_number(desk.job.event_id)
    parts = compose_parts(text, desk.job.bot.group_id, message.peer_id, number)
    if not parts:
        return Verdict("ignored", reason="the answer is empty", match=match)
    started = time.monotonic()
    quote = 0 if message.is_private else message.cmid
    verdict = send(desk, message, Draft(outcome, message.peer_id, parts, match, quote))
    desk.timings_ms["send"] = _since_ms(started)
    return verdict


def _know_person(desk: JobDesk, message: Message) -> None:
    """Ask the base about somebody whom the job tells nothing new of; VK is asked later, when there is a slot."""
    people = desk.stores.people
    if desk.person is None or people.is_old(desk.person):
        known = people.known(desk.job.bot.base, message.from_id)
        desk.person = desk.person if known is None else known


def _is_nameless(desk: JobDesk) -> bool:
    """Did nobody ever learn this person's names? Who has written is in the base before VK was asked."""
    return desk.person is not None and not desk.person.get("fi_name") and "users.get" not in desk.job.paused


def _learn_names(desk: JobDesk, message: Message) -> None:
    """Ask VK for the names of somebody new. The slot is the caller's."""
    named = desk.stores.people.ask_vk(desk.vk, desk.job.bot.base, message.from_id, desk.person or {})
    if named:
        desk.person = named
        desk.news = {name: named[name] for name in ("fi_name", "la_name")}


def _get_acquainted(desk: JobDesk, message: Message) -> None:
    """Learn the names of somebody new after the reply, if that costs no waiting; else their next message does it."""
    try:
        if _is_nameless(desk) and desk.slots.try_take():
            _learn_names(desk, message)
    except (LeaseLost, redis.RedisError) as error:
        log.warning("names not asked for event_id=%s error=%s", desk.job.event_id, error)


def _chat_context(desk: JobDesk, message: Message, address: Address) -> ChatContext:
    job, stores = desk.job, desk.stores
    return ChatContext(
        bot=job.bot,
        event_id=job.event_id,
        peer_id=message.peer_id,
        account_id=message.from_id,
        person=desk.person,
        role=role_of(message.from_id, job.bot.owner, desk.person),
        base=lambda: stores.serving_base(job.bot.base),
        redis=stores.redis,
        bot_redis=stores.bot_redis(job.bot.db),
        ask=desk.ask,
        picked=_is_picked(message, address, job.bot.group_id),
        inquire=lambda phrase: inquire_for(phrase, job, stores),
    )


def _answer_button(desk: JobDesk) -> Verdict:
    """End the waiting sign of a callback button; nothing else is bound to buttons yet."""
    body = desk.job.event.get("object")
    if not isinstance(body, dict) or not all(name in body for name in ("event_id", "user_id", "peer_id")):
        return Verdict("ignored", reason="no button")
    if _ANSWER_BUTTON in desk.job.paused:
        return Verdict("ignored", reason="buttons cannot be answered now")  # and later is too late for them
    try:
        desk.call(
            _ANSWER_BUTTON,
            event_id=body["event_id"],
            user_id=body["user_id"],
            peer_id=body["peer_id"],
        )
    except VkError as error:
        if error.code != _TOO_LATE:
            raise
        return Verdict("ignored", reason="the button was answered already, or too late")
    return Verdict("done")


def _is_picked(message: Message, address: Address, group_id: int) -> bool:
    """Was this bot meant, and not any bot that reads the slash?"""
    return message.is_private or message.answers_to == -group_id or address.text != message.text.strip()


def _since_ms(started: float) -> float:
    return round((time.monotonic() - started) * 1000, 2)
