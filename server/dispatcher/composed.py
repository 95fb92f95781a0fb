"""Replies that are written down and wait for a batch, and what the verdicts of lists and batches say of one event."""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass, field, replace
from typing import Any

from db.inbox import Entry
from server.dispatcher.batches import PARTS_MAX
from server.dispatcher.trial import SEND
from server.dispatcher.verdicts import BadVerdict, Verdict, parse_verdict

LETTERS_MAX = 50_000  # of one batch: its code goes to VK as one form field

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Composed:
    """A reply that is written down, and which of its parts VK has."""

    entry: Entry
    attempt: int
    event: dict[str, Any]
    verdict: dict[str, Any]  # the worker's, with the reply
    worker: int  # that composed it
    composed_ms: int
    slots: Verdict  # what it says of the slots that composing took
    is_new: bool = True  # nobody tried the event before, so that its mark is this try's
    number: int = 0  # of the next part
    sent: dict[int, int | None] = field(default_factory=dict)

    @property
    def parts(self) -> list[list[Any]]:
        """Text and random_id of each."""
        parts: list[list[Any]] = self.verdict["composed"]["parts"]
        return parts

    def go_on(self) -> bool:
        """Step to the next part that VK does not have; says whether there is one."""
        while self.number in self.sent:
            self.number += 1
        return self.number < len(self.parts)

    def sending(self) -> dict[str, Any]:
        """Return the next part as a batch's job has it."""
        told = self.verdict["composed"]
        text, random_id = self.parts[self.number]
        return {
            "entry": self.entry.entry,
            "attempt": self.attempt,
            "peer_id": told["peer_id"],
            "number": self.number,
            "text": text,
            "random_id": random_id,
            "quote": told.get("quote", 0) if self.number == 0 else 0,
            "is_last": self.number == len(self.parts) - 1,
        }

    def final(self) -> dict[str, Any]:
        """Return the verdict on the whole event, as if one job had answered it."""
        told = self.verdict["composed"]
        parts = [
            {"text": text, "random_id": random_id, "message_id": self.sent.get(number)}
            for number, (text, random_id) in enumerate(self.parts)
        ]
        return {**self.verdict, "verdict": told["outcome"], "reply": {"peer_id": told["peer_id"], "parts": parts}}


class Outbox:
    """Composed replies, oldest first, one a conversation."""

    def __init__(self) -> None:
        self._waiting: deque[Composed] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, composed: Composed) -> None:
        self._waiting.append(composed)

    def put_first(self, batch: list[Composed]) -> None:
        """Let what was taken, or has further parts, go next."""
        self._waiting.extendleft(reversed(batch))

    def take(self, most: int = PARTS_MAX) -> list[Composed]:
        """Take what fits into one batch: at least one."""
        batch: list[Composed] = []
        letters = 0
        while self._waiting and len(batch) < most:
            composed = self._waiting[0]
            letters += len(composed.parts[composed.number][0])
            if batch and letters > LETTERS_MAX:
                break
            batch.append(self._waiting.popleft())
        return batch

    def oldest_ms(self) -> int | None:
        """Return when the first of all was composed."""
        return self._waiting[0].composed_ms if self._waiting else None


def by_entry(items: list[Any]) -> dict[str, Verdict]:
    """Return the verdicts of a list. Where one breaks the protocol its event is answered by a job of its own."""
    found = {}
    for item in items:
        entry = item.get("entry") if isinstance(item, dict) else None
        if not isinstance(entry, str):
            continue
        try:
            found[entry] = parse_verdict(item)
        except BadVerdict as error:
            log.warning("verdict of a list not taken entry=%s error=%s", entry, error)
            found[entry] = Verdict("retry", reason=str(error), outage=True, alone=True)
    return found


def of_item(item: dict[str, Any] | None, told: Verdict) -> Verdict:
    """Return what became of one part: what the batch says of it, else what became of the batch."""
    if item is None:
        is_of_all = told.outcome != "done"  # then no message is to blame more than another
        reason = told.reason or "the batch does not tell of it"
        return Verdict("retry", reason=reason, outage=is_of_all, alone=is_of_all, died=told.died)
    try:
        return parse_verdict(item)
    except BadVerdict as error:
        return Verdict("retry", reason=f"the batch's verdict is none: {error}")


def with_slots_of(composed: Composed, verdict: Verdict) -> Verdict:
    """Return a verdict on one part with the slots of its composing; that of the batch is not the event's."""
    return replace(verdict, slots_used=composed.slots.slots_used, calls=composed.slots.calls)


def whole(composed: Composed, item: dict[str, Any] | None = None) -> Verdict:
    """Return the verdict on an event whose reply VK has; ``item`` is what a batch says of its last part."""
    final = composed.final()
    if item is not None:
        heard = item.get("vk_answered")
        final["vk_answered"] = [*_listed(final, "vk_answered"), *(heard if isinstance(heard, list) else [SEND])]
        final["vk_errors"] = [*_listed(final, "vk_errors"), *_listed(item, "vk_errors")]
    return with_slots_of(composed, Verdict(final["verdict"], raw=final))


def _listed(raw: dict[str, Any], name: str) -> list[Any]:
    """Return a list of a verdict, empty when an engine does not tell it."""
    value = raw.get(name)
    return value if isinstance(value, list) else []
