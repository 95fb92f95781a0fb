"""What a worker reports of one job, as the engine protocol has it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Outcome = Literal["done", "ignored", "unsolved", "retry", "fail"]


@dataclass(frozen=True, slots=True)
class Part:
    """One VK message of a reply. ``message_id`` is None until VK told it (in chats: the number within the chat)."""

    text: str
    random_id: int
    message_id: int | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What was sent, and where."""

    peer_id: int
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Match:
    """Why this answer: what was said to the bot, the phrase it was taken for, the answer's id, how close (0 to 1).

    ``phrase`` and ``answer_id`` are None when nothing was close enough, or when a command answered. ``suggested`` are
    then the phrases that may have been meant: ``{rx, score, answer_id}``, the likeliest first.
    """

    rx: str
    phrase: str | None = None
    answer_id: int | None = None
    score: float | None = None
    suggested: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of one try."""

    outcome: Outcome
    reason: str | None = None
    retry_after_s: float | None = None
    outage: bool = False  # the event is not to blame, so this try does not count; with "fail": nor is the bot
    reply: Reply | None = None
    match: Match | None = None
    person: dict[str, str] | None = None  # names, when this job learned them
    slots_used: int = 0
    calls_ms: tuple[tuple[str, float, float], ...] = ()  # by slot: method, sent and answered so long ago
    timings_ms: dict[str, float] = field(default_factory=dict)
    trace: str | None = None
    tick: dict[str, Any] | None = None  # what a tick found
    retire: bool = False  # this worker ends after the report
    vk_answered: list[str] = field(default_factory=list)  # methods that VK did
    vk_errors: list[dict[str, Any]] = field(default_factory=list)  # {method, code, kind, text}; see engine.vk.heard
    alone: bool = False  # the next try is to be an answer job, now
    composed: dict[str, Any] | None = None  # what is to be sent, where this job only wrote it down
    items: tuple[dict[str, Any], ...] = ()  # of a job with several events: each one's verdict, with its entry

    def as_message(self, job_id: str) -> dict[str, Any]:
        """Return the object of the protocol's verdict line."""
        fields = asdict(self)
        outcome = fields.pop("outcome")
        return {"job": job_id, "verdict": outcome, **fields}
