"""What must be true after every schedule. ``faults_of`` returns what is not, in words."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from db import codec, keys
from db.slots import HEIR_MS
from engine.vk.random_id import derive_random_id
from tests.simulation.schedule import Said
from tests.simulation.stage import BASE, Stage

PARTS_MOST = 4  # of any reply here
READ_S = 0.1  # on a calm day, until an accepted event is known to its lane
UNREAD = ("flood", "stale")


def faults_of(stage: Stage) -> list[str]:
    """Return everything that went wrong in a schedule that was played."""
    found = [*stage.world.faults, *stage.wrong]
    if not stage.is_done:
        waiting = sorted(set(stage.said) - set(stage.settled))
        return [*found, f"never settled: {waiting}; VK got ok for {stage.promised}"]
    for check in (_settled_once, _replies, _order, _nothing_left, _rate, _calm):
        found += check(stage)
    return found


def ends_of(stage: Stage) -> dict[str, list[dict[str, Any]]]:
    """Return how each event ended: its rows of the journal and its dead letters."""
    ends: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for _, fields in stage.server.memory.execute(("XRANGE", keys.journal(BASE), "-", "+")):
        for row in codec.loads(fields[b"ops"]):
            if row["op"] in ("history", "ignored"):
                ends[row["event_id"]].append(row)
    for _, fields in stage.server.memory.execute(("XRANGE", keys.DEAD, "-", "+")):
        letter = {name.decode(): value.decode() for name, value in fields.items()}
        ends[letter["i"]].append({"op": "dead", **letter})
    return ends


def replies_of(stage: Stage) -> dict[str, list[tuple[int, float, str]]]:
    """Return what people see of each event: (part, when, text), in the order of VK."""
    owners = {
        derive_random_id(100 + said.bot, said.peer_id, said.cmid, part): (said.event_id, part)
        for said in stage.schedule.said
        for part in range(PARTS_MOST)
    }
    replies: dict[str, list[tuple[int, float, str]]] = defaultdict(list)
    for seen in stage.vk.seen:
        event_id, part = owners[seen.random_id]
        replies[event_id].append((part, seen.at_s, seen.text))
    return replies


def _settled_once(stage: Stage) -> Iterator[str]:
    for event, count in Counter(stage.accepted).items():
        if count != 1:
            yield f"{event}: accepted {count} times"
    ends = ends_of(stage)
    for event in stage.said:
        if len(ends[event]) != 1:
            yield f"{event}: settled {len(ends[event])} times: {[end['op'] for end in ends[event]]}"


def _replies(stage: Stage) -> Iterator[str]:
    """Each part once and in order; what history says is what people see."""
    replies = replies_of(stage)
    for event, ends in ends_of(stage).items():
        parts = replies[event]
        if [part for part, _, _ in parts] != list(range(len(parts))):
            yield f"{event}: parts seen: {[part for part, _, _ in parts]}"
        text = "\n".join(text for _, _, text in parts)
        for end in ends:
            if end["op"] == "history" and end["tx"] != text:
                yield f"{event}: history says {end['tx'][:40]!r}, people see {text[:40]!r}"
            if end["op"] == "ignored" and parts and not end["reason"].startswith("VK error"):
                yield f"{event}: ignored ({end['reason']}), but people see {text[:40]!r}"


def _order(stage: Stage) -> Iterator[str]:
    """Within a conversation: the order of acceptance; among waiting messages, that of their numbers."""
    ends = ends_of(stage)
    place = {event: number for number, event in enumerate(stage.accepted)}
    settled = [stage.said[event] for event in stage.settled]
    read = [said for said in settled if not any(end.get("reason") in UNREAD for end in ends[said.event_id])]
    replies = replies_of(stage)
    # What may have been sent when it was buried may be seen whenever its zombie wakes.
    alive = [said for said in read if ends[said.event_id][0]["op"] != "dead" and replies[said.event_id]]
    shown = sorted(alive, key=lambda said: replies[said.event_id][0][1])
    for what, order in (("settled", read), ("answered", shown)):
        conversations: dict[tuple[int, int], list[Said]] = defaultdict(list)
        for said in order:
            conversations[said.bot, said.peer_id].append(said)
        for one in conversations.values():
            yield from (f"{what} out of order: {late} before {soon}" for soon, late in _swapped(one, place))


def _swapped(order: list[Said], place: dict[str, int]) -> Iterator[tuple[str, str]]:
    """Yield pairs of which the second came first, though nothing allows it."""
    for at, late in enumerate(order):
        for soon in order[at + 1 :]:
            if place[soon.event_id] < place[late.event_id] and not _may_pass(late, soon, order, place):
                yield soon.event_id, late.event_id


def _may_pass(late: Said, soon: Said, order: list[Said], place: dict[str, int]) -> bool:
    """May ``late``, accepted after ``soon``, go first? As a message of a lower number than one that stands before."""
    before = (said for said in order if said.cmid and place[said.event_id] <= place[soon.event_id])
    return late.cmid > 0 and any(late.cmid < said.cmid for said in before)


def _nothing_left(stage: Stage) -> Iterator[str]:
    kept = [b"seen:", b"journal:", b"person:", b"inbox:", b"bots:", b"dead", b"pauses:", b"hosts"]
    if any(fault.what == "stop bot" for fault in stage.schedule.faults):
        kept.append(b"lease:")  # that of a bot which was stopped while it was taken runs out
    left = [key.decode() for key in stage.server.memory.existing() if not key.startswith(tuple(kept))]
    if left:
        yield f"left over: {left}"
    for bot, _ in stage.bots:
        now = stage.server.memory.execute(("TIME",))
        now_us = int(now[0]) * 1_000_000 + int(now[1]) + HEIR_MS * 1000  # an heir may have come a moment ago
        held = stage.server.memory.execute(("ZRANGEBYSCORE", keys.RATE, f"({now_us}", "+inf"), db=bot.db)
        if held and not any(fault.what == "turn clock" for fault in stage.schedule.faults):
            yield f"slots left over: {held}"


def _rate(stage: Stage) -> Iterator[str]:
    """VK never counts more requests in any second than the token may make."""
    if any(fault.what == "turn clock" for fault in stage.schedule.faults):
        return
    most = stage.schedule.per_second
    for group_id, requests in stage.vk.requests.items():
        times = [at_s for at_s, honest in requests if honest]
        for first, last in zip(times, times[most:], strict=False):
            if last - first < 1.0:
                yield f"group {group_id}: {most + 1} requests within {last - first:.3f} s from {first:.3f}"


def _calm(stage: Stage) -> Iterator[str]:
    """Where nothing breaks, everything that has an answer is answered at the first attempt."""
    if not stage.schedule.is_calm:
        return
    for event, ends in ends_of(stage).items():
        if ends[0]["op"] == "dead" or (stage.starts[event] > 1 and stage.schedule.per_second > 3):
            yield f"{event}: {stage.starts[event]} attempts on a calm day, ended as {ends[0]['op']}"
    for first, others in ((said, stage.schedule.said) for said in stage.schedule.said):
        yield from (
            f"{other.event_id} waited behind {first.event_id}" for other in others if _is_behind(stage, other, first)
        )


def _is_behind(stage: Stage, lower: Said, higher: Said) -> bool:
    """Was a message begun though one of a lower number waited?"""
    if (lower.bot, lower.peer_id) != (higher.bot, higher.peer_id) or not 0 < lower.cmid < higher.cmid:
        return False
    begun_s, later_s = (stage.begun_s.get(said.event_id) for said in (higher, lower))
    if begun_s is None or later_s is None:
        return False
    return stage.accepted_s[lower.event_id] + READ_S < begun_s < later_s
