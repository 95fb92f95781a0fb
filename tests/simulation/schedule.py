"""One schedule: what people say, what breaks and when, on which hosts. Everything in it follows from its seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

SCRIPTS = (
    "lane_hand_out",
    "lane_settle",
    "lane_retry",
    "lane_open",
    "lease_take",
    "lease_renew",
    "mark_begin",
    "accept",
    "mark_drop",
    "lane_pause",
)
CHAT = 2_000_000_001


@dataclass(frozen=True)
class Trouble:
    """What happens to a worker at a step of the ``start``-th job that begins for an event.

    Steps: job, mark, marked (before and after the reply mark is written), send, sent (before and after VK takes it),
    verdict.
    """

    start: int
    step: str
    what: str
    for_s: float = 0.0


@dataclass(frozen=True)
class Said:
    """An event and when VK posts it; ``answer`` names what the bots know to say to it."""

    event_id: str
    at_s: float
    bot: int
    kind: str  # "message" or "allow", which nobody answers
    peer_id: int
    from_id: int
    cmid: int
    answer: str
    troubles: tuple[Trouble, ...] = ()


@dataclass(frozen=True)
class Fault:
    """Something breaks: at a time on a host, or just before or after the ``nth`` run of a script, where that ran."""

    what: str
    for_s: float
    at_s: float = -1.0
    host: int = 0
    script: str = ""
    nth: int = 0
    edge: str = ""


@dataclass(frozen=True)
class Schedule:
    """All of it. ``skews_s``: how wrong the hosts' wall clocks are."""

    seed: int
    skews_s: tuple[float, ...]
    workers: int
    bots: int
    per_second: int
    batch: int  # replies of one request
    attempts: int
    lease_s: float
    deadline_s: float
    conversation_max: int
    max_age_s: int
    changed_s: float  # when the bots learn other answers
    nameless: bool  # VK is asked for people's names: a second request of a job
    said: tuple[Said, ...]
    faults: tuple[Fault, ...]

    @property
    def is_calm(self) -> bool:
        """Does nothing break, so that nothing may go wrong?"""
        return not self.faults and not any(said.troubles for said in self.said)

    def lines(self) -> Iterator[str]:
        """Yield it for a reader, what breaks last."""
        yield (
            f"hosts={len(self.skews_s)} skews_s={self.skews_s} workers={self.workers} bots={self.bots} "
            f"per_second={self.per_second} batch={self.batch} attempts={self.attempts} lease_s={self.lease_s} "
            f"deadline_s={self.deadline_s} conversation_max={self.conversation_max} max_age_s={self.max_age_s} "
            f"changed_s={self.changed_s} nameless={self.nameless}"
        )
        yield from map(str, self.said)
        yield from map(str, self.faults)

    def smaller(self) -> Iterator[Schedule]:
        """Yield the schedules that lack one thing of this one."""
        for at in range(len(self.faults)):
            yield replace(self, faults=self.faults[:at] + self.faults[at + 1 :])
        sooner = tuple(replace(fault, nth=max(fault.nth - 1, 1)) if fault.script else fault for fault in self.faults)
        for at in range(len(self.said)):
            fewer_said = self.said[:at] + self.said[at + 1 :]
            yield replace(self, said=fewer_said)
            yield replace(self, said=fewer_said, faults=sooner)  # a script runs less often without it
        for at, said in enumerate(self.said):
            for number in range(len(said.troubles)):
                fewer = replace(said, troubles=said.troubles[:number] + said.troubles[number + 1 :])
                yield replace(self, said=(*self.said[:at], fewer, *self.said[at + 1 :]))
        if len(self.skews_s) > 1:
            yield replace(self, skews_s=self.skews_s[:-1], faults=tuple(_moved(fault) for fault in self.faults))


def _moved(fault: Fault) -> Fault:
    return replace(fault, host=0)


def make_schedule(seed: int) -> Schedule:
    """Return the schedule of a seed."""
    dice = random.Random(seed)
    hosts = dice.choice((1, 1, 2, 2, 3))
    bots = dice.choice((1, 1, 2))
    calm = dice.random() < 0.05
    batch = dice.choice((1, 25, 25, 3))
    said = tuple(_said(dice, bots, calm, packed=batch > 1))
    faults = () if calm else tuple(_fault(dice, hosts) for _ in range(dice.choice((0, 1, 1, 2, 3, 5))))
    return Schedule(
        seed=seed,
        skews_s=tuple(dice.choice((0.0, 0.0, dice.uniform(-3, 3), dice.uniform(-9000, 9000))) for _ in range(hosts)),
        workers=dice.choice((1, 2, 2, 3)),
        bots=bots,
        per_second=dice.choice((1, 2, 3, 20) if batch == 1 else (1, 1, 2, 3)),
        batch=batch,
        attempts=dice.choice((2, 3, 3, 4)),
        lease_s=dice.choice((0.5, 0.9, 1.5, 3.0)),
        deadline_s=dice.choice((0.7, 1.5, 2.5)),
        conversation_max=dice.choice((1, 50, 50, 50)),
        max_age_s=dice.choice((4, 1800, 1800, 1800)),
        changed_s=dice.choice(said).at_s + dice.uniform(0.05, 0.8),
        nameless=dice.random() < 0.2,
        said=said,
        faults=faults,
    )


def _said(dice: random.Random, bots: int, calm: bool, *, packed: bool) -> Iterator[Said]:
    """Yield events of a few conversations. VK posts in parallel: their order is not always that of their numbers."""
    numbers: dict[tuple[int, int], int] = {}
    peers, at_s = dice.choice((3, 4, 5) if packed else (1, 1, 2, 3)), 0.0
    pause_s = dice.choice((0.02, 0.2, 0.6))
    for count in range(dice.choice((1, 2, 3, 4, 6, 8))):
        bot, peer = dice.randrange(bots), dice.randrange(peers)
        kind = "allow" if dice.random() < 0.06 else "message"
        peer_id = CHAT if peer == 2 and kind == "message" else 7001 + peer
        number = numbers[bot, peer] = numbers.get((bot, peer), 0) + 1
        at_s += dice.expovariate(1 / pause_s)
        yield Said(
            event_id=f"e{count}",
            at_s=max(0.0, at_s + (dice.uniform(-1, 1) if dice.random() < 0.2 else 0.0)),
            bot=bot,
            kind=kind,
            peer_id=peer_id,
            from_id=7001 + peer,
            cmid=number if kind == "message" else 0,
            answer=dice.choice(("one", "one", "one", "one", "two", "unknown", "tomorrow", "farewell", "farewell")),
            troubles=() if calm else tuple(_troubles(dice)),
        )


_REFUSALS = ("code 6", "code 100", "code 900")


def _troubles(dice: random.Random) -> Iterator[Trouble]:
    if dice.random() > 0.3:
        return
    for start in range(1, 1 + dice.choice((1, 1, 1, 2, 5))):
        step = dice.choice(("job", "mark", "marked", "send", "sent", "sent", "verdict"))
        what = dice.choice(("die", "die", "hang", "pause", "pause", "sleep host", "kill host", "freeze platform"))
        if step in ("send", "sent") and dice.random() < 0.4:
            what = dice.choice(("lost", "broken", "code 1", "code 6", "code 10", "code 100", "code 900"))
        if what in _REFUSALS:
            step = "send"  # what VK refuses it has not done; of its inner errors nobody knows
        if step == "verdict" and dice.random() < 0.2:
            what = "junk"
        yield Trouble(start, step, what, round(dice.uniform(0.1, 4.5), 2))


_EVERYWHERE = ("kill host", "kill host", "freeze platform", "freeze host", "sleep host", "kill redis", "freeze redis")


def _fault(dice: random.Random, hosts: int) -> Fault:
    for_s = round(dice.choice((dice.uniform(0.0, 0.3), dice.uniform(0.3, 2.0), dice.uniform(2.0, 6.0))), 2)
    if dice.random() < 0.6:
        return Fault(
            what=dice.choice((*_EVERYWHERE, "cut", "cut", "cut", "cut", "cut")),
            for_s=for_s,
            script=dice.choice(SCRIPTS[:3] if dice.random() < 0.6 else SCRIPTS),
            nth=dice.choice((1, 2, 3, 4, 6, 9)),
            edge=dice.choice(("before", "after")),
        )
    return Fault(
        what=dice.choice((*_EVERYWHERE, "restart host", "lose redis", "deafen", "stop bot", "turn clock")),
        for_s=for_s,
        at_s=round(dice.uniform(0.0, 4.0), 3),
        host=dice.randrange(hosts),
    )
