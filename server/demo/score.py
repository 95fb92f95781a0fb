"""Judges a demo from outside: what people said, what VK showed, what the bases remember. Pure arithmetic."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

PARTS_MAX = 8  # parts of one reply that are looked for


@dataclass(frozen=True, slots=True)
class Said:
    """One message of a simulated person. ``kind``: known, typo, unknown, command, or aside (not meant for the bot).

    ``accepted_ms`` is when VK got `ok` for its event, None when it never did.
    """

    event_id: str
    group_id: int
    peer_id: int
    cmid: int
    kind: str
    at_ms: float
    accepted_ms: float | None = None

    @property
    def is_addressed(self) -> bool:
        return self.kind != "aside"


@dataclass(frozen=True, slots=True)
class Shown:
    """One message of a bot as VK shows it."""

    group_id: int
    peer_id: int
    random_id: int
    at_ms: float


@dataclass(frozen=True, slots=True)
class Summary:
    """What a demo came to. ``lost``, ``duplicated`` and ``out_of_order`` are 0 in a platform that keeps its word."""

    events: int
    replies: int
    unsolved: int
    commands: int
    lost: int
    duplicated: int
    out_of_order: int
    latency_p50_ms: float | None
    latency_p99_ms: float | None

    @property
    def is_clean(self) -> bool:
        return self.events > 0 and self.replies > 0 and not (self.lost or self.duplicated or self.out_of_order)

    def as_json(self) -> dict[str, Any]:
        """Return the object that ``salo demo --headless --json`` prints as its last line."""
        return {
            "events": self.events,
            "replies": self.replies,
            "unsolved": self.unsolved,
            "commands": self.commands,
            "lost": self.lost,
            "duplicated": self.duplicated,
            "out_of_order": self.out_of_order,
            "latency_ms": {"p50": self.latency_p50_ms, "p99": self.latency_p99_ms},
        }


RandomId = Callable[[int, int, int, int], int]  # group, peer, conversation message, part


@dataclass(slots=True)
class Answers:
    """What VK showed, linked to what was said.

    ``order`` has each answered event at its first part: ``(event, ms)`` by VK's clock, oldest first. ``strangers`` are
    replies to nothing that was said.
    """

    order: list[tuple[Said, float]] = field(default_factory=list)
    parts: Counter[tuple[str, int]] = field(default_factory=Counter)
    strangers: int = 0

    @property
    def events(self) -> set[str]:
        return {event for event, _ in self.parts}

    @property
    def doubled(self) -> set[str]:
        """Events of which VK shows a part twice."""
        return {event for (event, _), count in self.parts.items() if count > 1}


def link_answers(said: Iterable[Said], shown: Iterable[Shown], random_id: RandomId) -> Answers:
    """Return which reply answers which message.

    ``random_id`` derives what the engine must have sent for a part of a reply, which is the link between the two.
    """
    sources = {
        (event.group_id, event.peer_id, random_id(event.group_id, event.peer_id, event.cmid, part)): (event, part)
        for event in said
        for part in range(PARTS_MAX)
    }
    answers = Answers()
    known: set[str] = set()
    for message in sorted(shown, key=lambda message: message.at_ms):
        source = sources.get((message.group_id, message.peer_id, message.random_id))
        if source is None:
            answers.strangers += 1
            continue
        event, part = source
        answers.parts[event.event_id, part] += 1
        if event.event_id not in known:
            known.add(event.event_id)
            answers.order.append((event, message.at_ms))
    return answers


def summarise(
    said: Sequence[Said], answers: Answers, remembered: Mapping[str, Sequence[str]], buried: Collection[str] = ()
) -> Summary:
    """Return the summary of a finished demo.

    ``remembered`` is ``{event_id: [text of the reply, "" for silence, …]}`` from the history tables, one item a row.
    An addressed message is lost when history has nothing of it and it is not ``buried`` as a dead letter, or when
    history has a reply that VK never showed; any message is lost that VK got no `ok` for. It is duplicated when VK
    shows a part twice or history has two rows. It is out of order when a message was answered before it that was
    written after VK had its `ok`: what VK posts at the same time, or again after a failure, has no order that can be
    told from outside.
    """
    newest: dict[tuple[int, int], float] = defaultdict(float)  # of each conversation: the newest message answered
    disordered = 0
    for event, _ in answers.order:
        conversation = event.group_id, event.peer_id
        disordered += event.accepted_ms is not None and newest[conversation] > event.accepted_ms
        newest[conversation] = max(newest[conversation], event.at_ms)
    answered = answers.events
    doubled = answers.doubled | {event for event, rows in remembered.items() if len(rows) > 1}
    latencies = sorted(at_ms - event.at_ms for event, at_ms in answers.order)
    return Summary(
        events=len(said),
        replies=len(answered),
        unsolved=sum(remembered.get(event.event_id, ["-"])[0] == "" for event in said if event.is_addressed),
        commands=sum(event.kind == "command" for event in said),
        lost=sum(_is_lost(event, answered, remembered) for event in said if event.event_id not in buried),
        duplicated=len(doubled) + answers.strangers,
        out_of_order=disordered,
        latency_p50_ms=quantile(latencies, 0.50),
        latency_p99_ms=quantile(latencies, 0.99),
    )


def _is_lost(event: Said, answered: Collection[str], remembered: Mapping[str, Sequence[str]]) -> bool:
    if event.accepted_ms is None:
        return True
    rows = remembered.get(event.event_id, ())
    if not event.is_addressed:
        return False  # what was not meant for the bot is neither answered nor remembered
    return not rows or (bool(rows[0]) and event.event_id not in answered)


def quantile(ordered: Sequence[float], share: float, digits: int = 1) -> float | None:
    """Return the value below which ``share`` of an ordered sequence lies (nearest rank), None of an empty one."""
    if not ordered:
        return None
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], digits)
