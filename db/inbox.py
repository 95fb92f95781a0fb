"""What an owner of a lane may do to its bot's inbox: one function for each script, and the types of their answers.

Every write of an owner is such a script: it checks that the lease is still ours, takes effect whole or not at all,
and may be repeated until it is answered. Nothing here talks to Redis; a ``Call`` is run by whoever has the connection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from db import codec, keys
from db.errors import BadJson
from db.scripts import Argument, Script
from db.slots import HEIR_MS, LEAD_MS, holds_us

BATCH = 200  # entries of one read
REASON_MAX, TRACE_MAX = 300, 8000  # letters kept

_HAND_OUT, _RETRY, _SETTLE, _OPEN = (Script(f"lane_{name}") for name in ("hand_out", "retry", "settle", "open"))


@dataclass(frozen=True, slots=True)
class Call:
    """One run of a script: what to send."""

    script: Script
    keys: tuple[str, ...]
    args: tuple[Argument, ...]


@dataclass(frozen=True, slots=True)
class Claim:
    """A held lane: whose it is, and the value of its lease that every write shows."""

    bot: str
    group_id: int
    base: str
    db: int  # the bot's own database
    lease: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One waiting event, without its body. ``sent_ms`` is when it happened, as far as anybody told."""

    entry: str
    type: str
    peer_id: int
    cmid: int
    from_id: int
    event_id: str
    accepted_ms: int
    sent_ms: int


@dataclass(frozen=True, slots=True)
class Tried:
    """What an entry went through: attempts begun, when the next is due (Redis' clock), why the last one failed."""

    attempts: int
    due_ms: int
    reason: str


@dataclass(frozen=True, slots=True)
class Given:
    """A worker may begin: the entry's event, its person's fields, the base's newest delta, when its slot begins."""

    now_ms: int
    event: bytes
    person: dict[str, str]
    delta: str
    slot_in_ms: float = 0.0  # before that it must not send


@dataclass(frozen=True, slots=True)
class Wait:
    """No slot is free; one may be after so long."""

    wait_ms: int


@dataclass(frozen=True, slots=True)
class Due:
    """A retry was noted. Both times by Redis' clock."""

    now_ms: int
    due_ms: int


@dataclass(frozen=True, slots=True)
class Opened:
    """A lane under a new lease, with what its entries went through before."""

    now_ms: int
    tried: dict[str, Tried]


@dataclass(frozen=True, slots=True)
class Gone:
    """The entry is not in the inbox: it was settled before, or somebody dropped it."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The lease is not ours: nothing was written, and nothing of this lane may go on."""


def open_lane(claim: Claim) -> Call:
    """Begin under a new lease: end the slots of earlier owners, and read what was tried."""
    names = (keys.lease(claim.bot), keys.state(claim.bot), keys.RATE)
    return Call(_OPEN, names, (claim.lease, claim.db, HEIR_MS * 1000))


def opened(answer: Sequence[Any]) -> Opened | Lost:
    if answer[0] == b"lost":
        return Lost()
    flat = answer[2]
    pairs = zip(flat[::2], flat[1::2], strict=True)
    return Opened(int(answer[1]), {entry.decode(): parse_tried(value) for entry, value in pairs})


def parse_tried(value: bytes) -> Tried:
    attempts, due_ms, reason = value.decode("utf-8", "replace").split(":", 2)
    return Tried(int(attempts), int(due_ms), reason)


def hand_out(claim: Claim, entry: Entry, attempt: int, per_second: int, most_ms: int) -> Call:
    """Take a slot and count the attempt (from 1). The worker starts after the answer, and is dead by ``most_ms``.

    ``per_second`` 0: the job sends nothing, and takes no slot.
    """
    person = keys.person(claim.base, "vk", entry.from_id) if entry.from_id > 0 else ""
    lane = (keys.lease(claim.bot), keys.state(claim.bot), keys.inbox(claim.bot))
    hold_us = (most_ms + HEIR_MS) * 1000
    return Call(
        _HAND_OUT,
        (*lane, person, keys.delta(claim.base), keys.RATE),
        (claim.lease, entry.entry, attempt, claim.db, per_second, hold_us, LEAD_MS * 1000),
    )


def handed_out(answer: Sequence[Any]) -> Given | Wait | Gone | Lost:
    match answer[0]:
        case b"ok":
            flat = [word.decode("utf-8", "replace") for word in answer[3]]
            person = dict(zip(flat[::2], flat[1::2], strict=True))
            return Given(int(answer[1]), answer[2], person, answer[4].decode(), int(answer[5]) / 1000)
        case b"wait":
            return Wait(int(answer[1]))
        case b"gone":
            return Gone()
    return Lost()


def retry(
    claim: Claim,
    entry: Entry,
    attempt: int,
    delay_ms: int,
    reason: str,
    *,
    counted: bool = True,
    slots_used: int = -1,
    arrived_ms: Sequence[float] = (),
) -> Call:
    """Note that an attempt failed and when the next is due. ``slots_used`` below 0: all that were taken."""
    names = (keys.lease(claim.bot), keys.state(claim.bot), keys.inbox(claim.bot), keys.RATE)
    remembered = attempt if counted else attempt - 1
    why = reason[:REASON_MAX]
    args = (claim.lease, entry.entry, attempt, remembered, delay_ms, why, claim.db, slots_used, holds_us(arrived_ms))
    return Call(_RETRY, names, args)


def retried(answer: Sequence[Any]) -> Due | Gone | Lost:
    if answer[0] == b"ok":
        return Due(int(answer[1]), int(answer[2]))
    return Gone() if answer[0] == b"gone" else Lost()


def close(
    claim: Claim,
    entry: Entry,
    attempt: int,
    rows: Sequence[Mapping[str, Any]],
    *,
    slots_used: int = -1,
    arrived_ms: Sequence[float] = (),
    unless_marked: bool = False,
) -> Call:
    """Settle an event with its journal rows. ``attempt`` 0: it was never handed out."""
    kind = "close unless marked" if unless_marked else "close"
    ops = codec.dumps(list(rows)) if rows else b""
    return _settle(claim, entry, attempt, slots_used, arrived_ms, (kind, ops, keys.journal_wake(claim.base)))


def bury(
    claim: Claim,
    entry: Entry,
    attempt: int,
    reason: str,
    trace: str | None,
    *,
    slots_used: int = -1,
    arrived_ms: Sequence[float] = (),
) -> Call:
    """Settle an event as a dead letter, which holds all of it."""
    what = ("bury", claim.bot, reason[:REASON_MAX], (trace or "")[-TRACE_MAX:])
    return _settle(claim, entry, attempt, slots_used, arrived_ms, what)


def settled(answer: bytes) -> str | Lost:
    """Return ``ok``, ``gone`` (settled before: as good) or ``marked``."""
    return Lost() if answer == b"lost" else answer.decode()


def _settle(
    claim: Claim, entry: Entry, attempt: int, slots_used: int, arrived_ms: Sequence[float], what: tuple[Argument, ...]
) -> Call:
    names = (
        keys.lease(claim.bot),
        keys.state(claim.bot),
        keys.inbox(claim.bot),
        keys.reply_mark(claim.group_id, entry.entry),
        keys.journal(claim.base),
        keys.DEAD,
        keys.RATE,
    )
    held = (slots_used, holds_us(arrived_ms))
    return Call(_SETTLE, names, (claim.lease, entry.entry, attempt, claim.db, *held, *what))


def read_command(bot: str, cursor: str) -> tuple[Argument, ...]:
    """Return the command that reads the next batch behind ``cursor`` (``-``: from the start)."""
    start = cursor if cursor == "-" else f"({cursor}"
    return ("XRANGE", keys.inbox(bot), start, "+", "COUNT", BATCH)


def parse_entry(entry: bytes, fields: Mapping[bytes, bytes]) -> Entry:
    """Return one entry as read. Fields that are missing or odd count as zero: an event once accepted must go on."""
    accepted_ms = _number(fields.get(b"a"))
    replayed = b"r" in fields  # somebody wants it answered, however old the message is
    sent_ms = accepted_ms if replayed else min(accepted_ms, _happened_ms(fields.get(b"e", b""), accepted_ms))
    return Entry(
        entry=entry.decode(),
        type=fields.get(b"t", b"").decode("utf-8", "replace"),
        peer_id=_number(fields.get(b"p")),
        cmid=_number(fields.get(b"c")),
        from_id=_number(fields.get(b"f")),
        event_id=fields.get(b"i", b"").decode("utf-8", "replace"),
        accepted_ms=accepted_ms,
        sent_ms=sent_ms,
    )


def _number(raw: bytes | None) -> int:
    try:
        return int(raw or 0)
    except ValueError:
        return 0


def _happened_ms(event: bytes, otherwise: int) -> int:
    """Return when VK says the message was written: a repeat may reach us hours after it."""
    try:
        date = codec.loads(event)["object"]["message"]["date"]
    except (BadJson, KeyError, TypeError):
        return otherwise
    # A second of VK's is its start: a message of the same second must not look older than it is.
    return date * 1000 + 999 if isinstance(date, int) and date > 0 else otherwise
