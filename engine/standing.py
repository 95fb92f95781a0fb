"""How a bot stands with people and chats: may it write to them, are they members, what are they called.

Learned from events that nobody answers, and from VK's refusals; kept in the bot's own database (``db/reach.py``).
"""

from __future__ import annotations

import logging
import time
from typing import Any

import redis

from db.reach import DENIED, Reach
from db.unsent import forget_unsent
from engine.desk import JobDesk
from engine.message import Message, is_chat
from engine.verdict import Verdict
from engine.vk.errors import VkError
from engine.vk.table import Action

EVENTS = frozenset({"message_allow", "message_deny", "group_join", "group_leave"})
_INVITED = frozenset({"chat_invite_user", "chat_invite_user_by_link", "chat_invite_user_by_message_request"})
_TITLED = frozenset({"chat_create", "chat_title_update"})
_KICKED = "chat_kick_user"
_REFUSED = (Action.STOP_BOT, Action.PAUSE_METHOD, Action.SLOW_DOWN, Action.COOL_DOWN)
TITLE_MAX = 255

log = logging.getLogger(__name__)


def learn_from_event(desk: JobDesk) -> Verdict:
    """Keep what an event without a message says of a person."""
    body = desk.job.event.get("object")
    user_id = body.get("user_id") if isinstance(body, dict) else None
    if not isinstance(user_id, int) or isinstance(user_id, bool) or user_id <= 0:
        return Verdict("ignored", reason=f"{desk.job.event_type} of nobody")
    reach = _reach(desk)
    match desk.job.event_type:
        case "message_allow":
            reach.reopen(user_id)
        case "message_deny":
            reach.close(user_id, DENIED)
        case "group_join":
            reach.note(user_id, member="1")
        case "group_leave":
            reach.note(user_id, member="0")
    return Verdict("ignored", reason=f"{desk.job.event_type}: noted")


def learn_from_action(desk: JobDesk, message: Message) -> Verdict:
    """Keep what a service message says of a chat: the bot came or went, or the chat has another title."""
    action = _action(desk)
    kind, who = str(action.get("type")), action.get("member_id")
    reach, is_us = _reach(desk), who == -desk.job.bot.group_id
    if is_us and kind in _INVITED:
        reach.reopen(message.peer_id)
    elif is_us and kind == _KICKED:
        reach.close(message.peer_id, kind, is_chat=True)
    elif kind in _TITLED and message.is_chat and isinstance(action.get("text"), str):
        reach.note(message.peer_id, title=action["text"][:TITLE_MAX])
    return Verdict("ignored", reason="service message")


def refusal(desk: JobDesk, message: Message) -> str:
    """Return why this message's author or chat cannot be answered; empty when nothing is known against it.

    Who writes to the bot may be written to: a message of a person takes every refusal back.
    """
    reach = _reach(desk)
    if message.is_private:
        reach.reopen(message.peer_id)
        return ""
    why = reach.refusal(message.peer_id)
    return f"the chat takes no messages of the bot ({why})" if why else ""


def note_refusal(desk: JobDesk, error: Exception, peer_id: int = 0) -> None:
    """Remember a peer that VK says cannot be written to, that of the job if none is named.

    Without Redis the next message finds it out again.
    """
    if not isinstance(error, VkError) or error.meaning.action is not Action.CLOSE:
        return
    peer_id = peer_id or _peer(desk)
    try:
        if peer_id:
            _reach(desk).close(peer_id, str(error.code), is_chat=is_chat(peer_id))
    except redis.RedisError as failure:
        log.warning("refusal not kept peer_id=%d code=%d error=%s", peer_id, error.code, failure)


def forget_refused(desk: JobDesk, error: Exception, started: float) -> None:
    """Take back that something may have been sent, where VK clearly said no for now and the event waits.

    Else an event that waits for longer than VK remembers a ``random_id`` could only be left to a human.
    """
    if not isinstance(error, VkError) or error.meaning.action not in _REFUSED or desk.vk.heard.is_in_doubt:
        return
    job, age_ms = desk.job, int((time.monotonic() - started) * 1000) + 1
    try:
        forget_unsent(desk.stores.redis, (job.lease_key, job.lease_value), job.bot.group_id, job.entry, age_ms)
    except redis.RedisError as failure:
        log.warning("mark not taken back event_id=%s error=%s", job.event_id, failure)


def _reach(desk: JobDesk) -> Reach:
    return Reach(desk.stores.bot_redis(desk.job.bot.db))


def _action(desk: JobDesk) -> dict[str, Any]:
    action: dict[str, Any] = desk.job.event["object"]["message"]["action"]  # a service message has one
    return action


def _peer(desk: JobDesk) -> int:
    body = desk.job.event.get("object")
    message = body.get("message") if isinstance(body, dict) else None
    peer_id = message.get("peer_id") if isinstance(message, dict) else None
    return peer_id if isinstance(peer_id, int) else 0
