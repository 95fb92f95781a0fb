"""Sends a reply: written down first, then part by part, so that a repeat sends exactly what is missing."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from db import codec
from db.marks import Mark
from engine.desk import JobDesk
from engine.errors import MayHaveBeenSent
from engine.message import Message, is_chat
from engine.verdict import Match, Outcome, Part, Reply, Verdict
from engine.vk.errors import VkError
from engine.vk.mending import mended

MARK_AGE_MAX_S = 30 * 60  # VK compares random_id with an hour and 100 messages: half of both
LATER_MAX = 50
MENDS_MAX = 3  # forms of one message that are tried after the first
_SEND = "messages.send"


@dataclass(frozen=True, slots=True)
class Draft:
    """A reply that is decided: what is sent where, why, and how its event ends."""

    outcome: Outcome
    peer_id: int
    parts: tuple[Part, ...]
    match: Match
    quote: int = 0  # conversation_message_id that the first part answers; 0: none

    def as_json(self) -> dict[str, Any]:
        """Return what the reply mark keeps."""
        return {
            "outcome": self.outcome,
            "peer_id": self.peer_id,
            "parts": [[part.text, part.random_id] for part in self.parts],
            "match": [self.match.rx, self.match.phrase, self.match.answer_id, self.match.score],
            "quote": self.quote,
        }


def kept_draft(mark: Mark) -> Draft:
    """Return the draft of an earlier try, with the ids of the parts it knew to be sent."""
    kept = mark.reply
    parts = tuple(Part(text, number, mark.sent.get(at)) for at, (text, number) in enumerate(kept["parts"]))
    return Draft(kept["outcome"], kept["peer_id"], parts, Match(*kept["match"]), kept["quote"])


def send(desk: JobDesk, message: Message, draft: Draft) -> Verdict:
    """Write ``draft`` down and send it, or go on with what an earlier try wrote down.

    A job that only composes leaves both to others: its draft is on the desk.
    """
    if desk.is_composing:
        desk.draft = (message, draft.as_json(), notes_of(draft))
        return _composed(draft, {})
    began_s = time.monotonic()
    mark = desk.mark.begin(draft.as_json(), desk.job.bot.db, message.peer_id, notes_of(draft))
    desk.proved_s = began_s
    return resume(desk, message, mark) if mark else _send_parts(desk, draft, frozenset())


def resume(desk: JobDesk, message: Message, mark: Mark) -> Verdict:
    """Send the parts that an earlier try did not know to be sent. Raises ``MayHaveBeenSent`` when that was long ago."""
    doubt = doubt_about(mark, desk.job.later)
    if doubt:
        raise MayHaveBeenSent(doubt)
    draft = kept_draft(mark)
    return _composed(draft, mark.sent) if desk.is_composing else _send_parts(desk, draft, frozenset(mark.sent))


def _composed(draft: Draft, sent: Mapping[int, int | None]) -> Verdict:
    """Return the verdict on a reply that somebody else sends."""
    told = {**draft.as_json(), "sent": {str(number): message_id for number, message_id in sent.items()}}
    return Verdict(draft.outcome, reply=Reply(draft.peer_id, draft.parts), match=draft.match, composed=told)


def doubt_about(mark: Mark, later: int) -> str:
    """Return why VK may not know a repeat of these parts any more, empty when it does: then they may be sent again.

    ``later`` is how many messages came after the one that is answered. VK remembers the numbers of the last hundred of
    a conversation for an hour (FACTS 7.2); the replies of others count too.
    """
    if mark.age_ms > MARK_AGE_MAX_S * 1000:
        return f"may have been sent: a try {mark.age_ms // 60_000} min ago did not report"
    return f"may have been sent: {later} messages came after it" if later >= LATER_MAX else ""


def _send_parts(desk: JobDesk, draft: Draft, sent: frozenset[int]) -> Verdict:
    parts = list(draft.parts)
    last = len(parts) - 1
    for number, part in enumerate(parts):
        if number in sent:
            continue
        message_id = _send_part(desk, draft, number)
        parts[number] = replace(part, message_id=message_id)
        if number != last:  # the settle stands for the last one: every note costs a flush to disk
            desk.mark.sent(number, message_id)
    return Verdict(draft.outcome, reply=Reply(draft.peer_id, tuple(parts)), match=draft.match)


def _send_part(desk: JobDesk, draft: Draft, number: int) -> int | None:
    quote = draft.quote if number == 0 else 0
    return deliver(desk, send_values(draft.peer_id, draft.parts[number], quote))


def deliver(desk: JobDesk, values: dict[str, Any], mends: int = MENDS_MAX) -> int | None:
    """Send one message, in another form where VK refuses this one. Returns the number of what was sent last."""
    try:
        return _send_once(desk, values)
    except VkError as error:
        return mend(desk, values, error, mends)


def mend(desk: JobDesk, values: dict[str, Any], error: VkError, mends: int = MENDS_MAX) -> int | None:
    """Send what VK refused in another form, up to ``mends`` times. Raises ``error`` when there is none."""
    calls = mended(values, error, desk.job.bot.group_id) if mends else []
    if not calls:
        raise error
    return [deliver(desk, call, mends - 1) for call in calls][-1]


def _send_once(desk: JobDesk, values: dict[str, Any]) -> int | None:
    answer = desk.call(_SEND, **values)
    try:
        return sent_id(answer)
    except VkError as error:  # in an answer that looks well
        desk.vk.heard.failed(_SEND, error)
        raise


def send_values(peer_id: int, part: Part, quote: int) -> dict[str, Any]:
    """Return the parameters of one part. In chats only ``peer_ids`` tells the message's number, and a reply is a
    ``forward`` (FACTS 7.3 and 7.4); in a private dialog everything is a reply already.
    """
    values: dict[str, Any] = {"random_id": part.random_id, "message": part.text, "disable_mentions": 1}
    if not is_chat(peer_id):
        return {**values, "peer_id": peer_id}
    if not quote:
        return {**values, "peer_ids": peer_id}
    forward = {"peer_id": peer_id, "conversation_message_ids": [quote], "is_reply": True}
    return {**values, "peer_ids": peer_id, "forward": codec.dumps(forward).decode()}


def sent_id(answer: Any) -> int | None:
    """Return the number of the sent message in its conversation, else its id. Raises ``VkError`` of the recipient."""
    item = answer[0] if isinstance(answer, list) and answer else answer
    if not isinstance(item, Mapping):
        return item if isinstance(item, int) and not isinstance(item, bool) else None
    error = item.get("error")
    if isinstance(error, Mapping):
        raise VkError(int(error.get("code", 0)), str(error.get("description", "")))
    return item.get("conversation_message_id") or item.get("message_id") or None


def dice_of(group_id: int, event_id: str) -> random.Random:
    """Return dice that fall the same way for every try of one event."""
    return random.Random(f"{group_id}:{event_id}")


def notes_of(draft: Draft) -> dict[str, str]:
    """Return what /why tells of this conversation later."""
    match = draft.match
    if match.phrase is None:
        return {}
    return {
        "last_rx": match.rx,
        "last_phrase": match.phrase,
        "last_score": f"{match.score}",
        "last_answer_id": f"{match.answer_id}",
    }
