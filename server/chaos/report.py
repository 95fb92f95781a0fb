"""What a run of chaos came to: the zeros that must hold, how soon replies came back, how long they took. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from server.chaos.harms import Harm
from server.chaos.plan import KINDS, Kind
from server.demo.play import Outcome
from server.demo.score import Said, quantile, summarise

ON_ITS_WAY_MS = 250.0  # what was sent before a kill is shown within so long
LIMITS_S: dict[Kind, float] = {"worker": 1.0, "callback": 1.0, "redis": 2.0, "platform": 3.0}  # to the next reply
_FELT: frozenset[Kind] = frozenset({"zygote", "callback", "platform", "redis"})  # whose loss others may feel, too


@dataclass(frozen=True, slots=True)
class Times:
    """Some durations, in the unit that the holder names; None where there are none."""

    count: int
    p50: float | None
    p99: float | None
    most: float | None


@dataclass(frozen=True, slots=True)
class Report:
    """The whole of it, as ``salo chaos --json`` prints it.

    ``answers`` counts events that got a reply, ``dead`` those that became a dead letter instead. ``both`` are events
    that have a reply and a letter. ``recovery_s`` is, by kind, the time from a kill to the next reply that it could
    have held up: of a worker's kill to one of the conversations that it was about, of the platform's from its new
    start on, of any other to the first that was not on its way to VK already (``ON_ITS_WAY_MS``, so never less). Only
    kills that no other harm overlapped are measured.
    ``latency_ms`` is of messages that touched no harm's window (``outside``), and of all others (``inside``).
    """

    seed: int
    seconds: float
    events: int
    answers: int
    unsolved: int
    lost: int
    duplicated: int
    out_of_order: int
    dead: int
    both: int
    orphans: int
    crashes: int
    kills: dict[str, int]
    stops: dict[str, int]
    missed: int
    recovery_s: dict[str, Times]
    latency_ms: dict[str, Times]
    letters: dict[str, int]

    @property
    def is_clean(self) -> bool:
        """Whether nothing happened that must never happen."""
        bad = self.lost, self.duplicated, self.out_of_order, self.both, self.orphans, self.crashes
        return self.events > 0 and self.answers > 0 and not any(bad)

    @property
    def is_quick(self) -> bool:
        """Whether each kind's slowest recovery was within its limit."""
        slowest = ((kind, self.recovery_s[kind].most) for kind in LIMITS_S if kind in self.recovery_s)
        return all(most is None or most < LIMITS_S[kind] for kind, most in slowest)

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "limits_s": LIMITS_S, "is_clean": self.is_clean, "is_quick": self.is_quick}


def make_report(
    outcome: Outcome, harms: Sequence[Harm], *, seed: int, seconds: float, orphans: int, crashes: int, missed: int
) -> Report:
    """Return the report of a finished run. ``crashes`` are ends of the platform that nobody caused."""
    buried = {letter.event_id for letter in outcome.buried}
    summary = summarise(outcome.said, outcome.answers, outcome.remembered, buried)
    windows = [window(harm, outcome.answers.order) for harm in harms]
    inside, outside = _latencies(outcome.answers.order, windows)
    return Report(
        seed=seed,
        seconds=round(seconds, 1),
        events=summary.events,
        answers=summary.replies,
        unsolved=summary.unsolved,
        lost=summary.lost,
        duplicated=summary.duplicated,
        out_of_order=summary.out_of_order,
        dead=len(buried),
        both=len(buried & outcome.answers.events),
        orphans=orphans,
        crashes=crashes,
        kills=_by_kind(harms, "kill"),
        stops=_by_kind(harms, "stop"),
        missed=missed,
        recovery_s={kind: _times(found) for kind, found in recoveries(harms, windows).items()},
        latency_ms={"outside": _times(outside, 1), "inside": _times(inside, 1)},
        letters=dict(Counter(letter.reason[:80] for letter in outcome.buried)),
    )


@dataclass(frozen=True, slots=True)
class Window:
    """When a harm could be felt. ``reply_ms`` is the next reply that it could have held up, None if there was none."""

    begin_ms: float
    end_ms: float
    reply_ms: float | None


def window(harm: Harm, replies: Sequence[tuple[Said, float]]) -> Window:
    """Return the window of a harm; ``replies`` are (event, ms), oldest first."""
    if harm.kind == "worker":
        peers = {(event.group_id, event.peer_id) for event, _ in replies if event.event_id in harm.events}
        next_ms = next(
            (at for event, at in replies if at > harm.at_ms and (event.group_id, event.peer_id) in peers), None
        )
    else:
        since_ms = harm.up_ms if harm.up_ms is not None else harm.at_ms + ON_ITS_WAY_MS
        next_ms = next((at for _, at in replies if at > since_ms), None)
    return Window(harm.at_ms, max(harm.until_ms, next_ms or 0.0), next_ms)


def recoveries(harms: Sequence[Harm], windows: Sequence[Window]) -> dict[str, list[float]]:
    """Return, by kind, the seconds that each kill took whose window no other harm touched that can be felt."""
    found: dict[str, list[float]] = defaultdict(list)
    pairs = list(zip(harms, windows, strict=True))
    for harm, own in pairs:
        others = [felt for other, felt in pairs if other is not harm and _is_felt(other)]
        is_alone = not any(felt.begin_ms <= own.end_ms and own.begin_ms <= felt.end_ms for felt in others)
        if harm.how == "kill" and own.reply_ms is not None and is_alone:
            begin_ms = harm.up_ms if harm.up_ms is not None else harm.at_ms
            found[harm.kind].append((own.reply_ms - begin_ms) / 1000)
    return found


def _is_felt(harm: Harm) -> bool:
    return harm.kind in _FELT or (harm.kind == "worker" and harm.how == "stop")


def _latencies(replies: Sequence[tuple[Said, float]], windows: Sequence[Window]) -> tuple[list[float], list[float]]:
    """Return the reply times (ms) of what touched a window, and of the rest."""
    inside: list[float] = []
    outside: list[float] = []
    for event, at_ms in replies:
        touched = any(event.at_ms <= felt.end_ms and felt.begin_ms <= at_ms for felt in windows)
        (inside if touched else outside).append(at_ms - event.at_ms)
    return inside, outside


def _by_kind(harms: Sequence[Harm], how: str) -> dict[str, int]:
    counted = Counter(harm.kind for harm in harms if harm.how == how)
    return {kind: counted[kind] for kind in KINDS}


def _times(values: Sequence[float], digits: int = 3) -> Times:
    ordered = sorted(values)
    most = round(ordered[-1], digits) if ordered else None
    return Times(len(ordered), quantile(ordered, 0.5, digits), quantile(ordered, 0.99, digits), most)
