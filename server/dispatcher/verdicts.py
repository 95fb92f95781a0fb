"""What a worker reports about its job, checked once where it comes in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from server.dispatcher.pace import Call

OUTCOMES = ("done", "ignored", "unsolved", "retry", "fail")


class BadVerdict(Exception):
    """A worker broke the engine protocol; it is not trusted with another job."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The end of one attempt. ``slots_used`` below 0: unknown, so all that were taken.

    ``outage``: the event is not to blame (VK does not answer), so the attempt does not count.
    """

    outcome: str
    reason: str = ""
    retry_after_s: float = 0.0
    outage: bool = False
    slots_used: int = -1
    calls: tuple[Call, ...] = ()  # by slot
    alone: bool = False  # the next try is to be an answer job, now
    trace: str | None = None
    raw: dict[str, Any] = field(default_factory=dict)  # reply, match, person, timings_ms


def parse_verdict(message: dict[str, Any]) -> Verdict:
    """Return the verdict that a worker's line holds. Raises ``BadVerdict``."""
    outcome, used = message.get("verdict"), message.get("slots_used", -1)
    after, trace = message.get("retry_after_s") or 0.0, message.get("trace")
    if outcome not in OUTCOMES:
        raise BadVerdict(f"verdict {str(outcome)[:60]!r}, must be one of {', '.join(OUTCOMES)}")
    if isinstance(used, bool) or not isinstance(used, int):
        raise BadVerdict("slots_used must be a whole number")
    if isinstance(after, bool) or not isinstance(after, (int, float)):
        raise BadVerdict("retry_after_s must be a number of seconds")
    for name in ("reply", "match", "person"):
        if not isinstance(message.get(name), (dict, type(None))):
            raise BadVerdict(f"{name} must be an object or null")
    return Verdict(
        outcome=outcome,
        reason=str(message.get("reason") or ""),
        retry_after_s=float(after),
        outage=message.get("outage") is True,
        alone=message.get("alone") is True,
        slots_used=used,
        calls=_calls(message.get("calls_ms") or []),
        trace=str(trace) if trace else None,
        raw=message,
    )


def _calls(raw: object) -> tuple[Call, ...]:
    """Return the calls of each slot. An engine may leave them out: its slots are then held from the report on."""
    if not isinstance(raw, list):
        raise BadVerdict("calls_ms must be a list")
    try:
        return tuple((str(method), float(sent), float(answered)) for method, sent, answered in raw)
    except (TypeError, ValueError):
        raise BadVerdict("calls_ms must hold method, ms since it was sent, ms since it was answered") from None
