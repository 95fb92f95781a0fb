"""The one decision about a posted body: refuse it, answer it at once, or keep its event. Pure.

Both the fast path and the Flask view come here, so neither can be more trusting than the other.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field

from db.accept import Event
from server.callback.event import BadEvent, parse_envelope, parse_event


@dataclass(frozen=True, slots=True)
class Door:
    """What one bot's callbacks are checked with. ``secret`` is ``None`` when it cannot be unsealed."""

    bot: str
    group_id: int
    secret: bytes | None = field(repr=False)
    confirmation: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer to VK. ``reason`` is its name in counters and logs; ``about_bots``: other bots, other answer."""

    status: int
    body: bytes
    reason: str
    retry_after_s: int | None = None
    about_bots: bool = False
    detail: str = ""


OK = Reply(200, b"ok", "accepted")
REPEATED = Reply(200, b"ok", "repeated")
NOT_KEPT = Reply(200, b"ok", "not_kept")  # a type that no bot handles
UNKNOWN_GROUP = Reply(404, b"unknown group", "unknown_group", about_bots=True)
WRONG_SECRET = Reply(403, b"wrong secret", "wrong_secret", about_bots=True)
NO_SECRET = Reply(403, b"no secret is set", "no_secret", about_bots=True)
SEAL_BROKEN = Reply(503, b"not now", "seal_broken", retry_after_s=60, about_bots=True)
NO_CODE = Reply(503, b"not now", "no_confirmation_code", retry_after_s=60, about_bots=True)
TOO_LARGE = Reply(413, b"too large", "too_large")


def bad_request(detail: str) -> Reply:
    return Reply(400, b"bad request", "bad_request", detail=detail)


def verify(group_id: int, body: bytes, doors: Mapping[int, Door]) -> Event | Reply:
    """Return the event to keep, or the final answer. The size of ``body`` was checked where it was read."""
    door = doors.get(group_id)
    if door is None:
        return UNKNOWN_GROUP
    try:
        envelope = parse_envelope(body)
        if envelope.group_id != group_id:
            return bad_request("group_id is not that of the address")
        refusal = _check_secret(door, envelope.secret)
        if refusal is not None:
            return refusal
        if envelope.type == "confirmation":
            return _confirmation(door)
        return parse_event(envelope) or NOT_KEPT
    except BadEvent as error:
        return bad_request(str(error))


def _check_secret(door: Door, given: bytes | None) -> Reply | None:
    """Return why the sender is not believed. A wrong secret never gets ``ok``: our own may be the stale one."""
    if door.secret is None:
        return SEAL_BROKEN
    if not door.secret:
        return NO_SECRET
    return None if hmac.compare_digest(door.secret, given or b"") else WRONG_SECRET


def _confirmation(door: Door) -> Reply:
    """Return the bot's code. VK obeys ``remove`` and ``version …`` in an answer, so these are never sent."""
    code = door.confirmation
    if not code or code.lower().startswith((b"remove", b"version")):
        return NO_CODE
    return Reply(200, code, "confirmation", about_bots=True)
