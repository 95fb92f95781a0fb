"""What a worker reports about its job, checked once where it comes in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from engine.reply import PARTS_MAX
from server.dispatcher.pace import Call

OUTCOMES = ("done", "ignored", "unsolved", "retry", "fail")
REASON_MAX, TRACE_MAX = 2000, 16_000  # characters; a reason is cut at its end, a traceback at its beginning


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
    died: bool = False  # there was no report: the worker ended
    trace: str | None = None
    raw: dict[str, Any] = field(default_factory=dict)  # reply, match, person, timings_ms


def parse_verdict(message: dict[str, Any]) -> Verdict:
    """Return the verdict that a worker's line holds. Raises ``BadVerdict``.

    ``raw`` is as checked as the rest: what reads it later (history, the terminal) meets the types of the protocol.
    """
    outcome, used = message.get("verdict"), message.get("slots_used", -1)
    after, trace = message.get("retry_after_s") or 0.0, message.get("trace")
    if outcome not in OUTCOMES:
        raise BadVerdict(f"verdict {str(outcome)[:60]!r}, must be one of {', '.join(OUTCOMES)}")
    if not _is_whole(used):
        raise BadVerdict("slots_used must be a whole number")
    if isinstance(after, bool) or not isinstance(after, (int, float)):
        raise BadVerdict("retry_after_s must be a number of seconds")
    _check(message, "reply", {"peer_id": _is_whole, "parts": _are_parts})
    _check(message, "match", {"rx": _is_text, "phrase": _is_text, "answer_id": _is_whole, "score": _is_number})
    _check(message, "person", {"fi_name": _is_text, "la_name": _is_text})
    _check(message, "timings_ms", {})
    _check_composed(message)
    if not isinstance(message.get("items"), (list, type(None))):
        raise BadVerdict("items must be a list or null")
    return Verdict(
        outcome=outcome,
        reason=str(message.get("reason") or "")[:REASON_MAX],
        retry_after_s=float(after),
        outage=message.get("outage") is True,
        alone=message.get("alone") is True,
        slots_used=used,
        calls=_calls(message.get("calls_ms") or []),
        trace=str(trace)[-TRACE_MAX:] if trace else None,
        raw=message,
    )


def _check(message: dict[str, Any], name: str, rules: dict[str, Callable[[Any], bool]]) -> None:
    """Refuse an object with a field of a wrong type; null, and fields that are left out, are fine."""
    value = message.get(name)
    if value is None:
        return
    if not isinstance(value, dict):
        raise BadVerdict(f"{name} must be an object or null")
    for key, is_right in rules.items():
        if value.get(key) is not None and not is_right(value[key]):
            raise BadVerdict(f"{name}.{key} has a wrong type")


def _check_composed(message: dict[str, Any]) -> None:
    """Refuse a composed reply that could not be sent as it is told."""
    _check(message, "composed", {})
    value = message.get("composed")
    if value is None:
        return
    is_right = (
        value.get("outcome") in ("done", "unsolved")
        and _is_whole(value.get("peer_id"))
        and _is_whole(value.get("quote", 0))
        and _are_pairs(value.get("parts"))
        and _are_sent(value.get("sent", {}))
    )
    if not is_right:
        raise BadVerdict("composed has a wrong form")


def _are_pairs(value: Any) -> bool:
    """Are these the parts of a composed reply, each a text and its random_id?"""
    is_list = isinstance(value, list) and 0 < len(value) <= PARTS_MAX
    return is_list and all(
        isinstance(pair, list) and len(pair) == 2 and _is_text(pair[0]) and _is_whole(pair[1]) for pair in value
    )


def _are_sent(value: Any) -> bool:
    """Are these the numbers of the parts that VK has, each with its message's?"""
    return isinstance(value, dict) and all(
        number.isascii() and number.isdigit() and len(number) < 4 and (told is None or _is_whole(told))
        for number, told in value.items()
    )


def _are_parts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(part, dict) and _is_text(part.get("text")) for part in value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _calls(raw: object) -> tuple[Call, ...]:
    """Return the calls of each slot. An engine may leave them out: its slots are then held from the report on."""
    if not isinstance(raw, list):
        raise BadVerdict("calls_ms must be a list")
    try:
        return tuple((str(method), float(sent), float(answered)) for method, sent, answered in raw)
    except (TypeError, ValueError):
        raise BadVerdict("calls_ms must hold method, ms since it was sent, ms since it was answered") from None
