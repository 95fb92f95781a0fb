"""The reply mark: what is being sent for an event, written before the first call, so that a repeat sends the same.

The mark lives from the first try's decision until the event is settled (the settle deletes it). Every write checks
the lane's lease, so a worker of a lane that was taken over sends nothing more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import redis
from redis.exceptions import NoScriptError

from db import codec, keys
from db.limiter import LeaseLost
from db.scripts import Argument, Script

KEEP_MS = 7 * 24 * 3600 * 1000  # of a mark that nobody ever settles
KEEP_PEER_S = 30 * 24 * 3600  # of a conversation's notes

_BEGIN, _READ, _SENT = Script("mark_begin"), Script("mark_read"), Script("mark_sent")


@dataclass(frozen=True, slots=True)
class Mark:
    """What an earlier try wrote down: the reply, how long ago, and which parts it knew to be sent (number -> id)."""

    reply: Any
    age_ms: int
    sent: dict[int, int | None]


@dataclass(frozen=True, slots=True)
class MarkKeeper:
    """The mark of one event. ``client`` is of database 0, ``lease`` is (key, value)."""

    client: redis.Redis
    lease: tuple[str, str]
    group_id: int
    entry: str

    def read(self) -> Mark | None:
        """Return the mark of an earlier try, if there is one. Raises ``LeaseLost``."""
        answer = _READ.run(self.client, [self.lease[0], self.key], [self.lease[1]])
        return None if answer[0] == b"none" else _mark(answer)

    def begin(self, reply: Any, db: int, peer_id: int, notes: Mapping[str, str]) -> Mark | None:
        """Write down what is about to be sent, and ``notes`` on the conversation into the bot's database ``db``.

        Returns an earlier mark instead, and changes nothing, when there is one. Raises ``LeaseLost``.
        """
        answer = _BEGIN.run(self.client, *Beginning(self, reply, db, peer_id, notes).words())
        return None if answer[0] == b"new" else _mark(answer)

    def prove(self) -> None:
        """Return when the lease is still ours. Raises ``LeaseLost``."""
        if self.client.get(self.lease[0]) != self.lease[1].encode():
            raise _lost(self.entry)

    def sent(self, number: int, message_id: int | None) -> None:
        """Note that part ``number`` was sent. Raises ``LeaseLost``."""
        told = "" if message_id is None else message_id
        if _SENT.run(self.client, [self.lease[0], self.key], [self.lease[1], number, told]) < 0:
            raise _lost(self.entry)

    @property
    def key(self) -> str:
        return keys.reply_mark(self.group_id, self.entry)


@dataclass(frozen=True, slots=True)
class Beginning:
    """What ``MarkKeeper.begin`` is to write."""

    keeper: MarkKeeper
    reply: Any
    db: int
    peer_id: int
    notes: Mapping[str, str]

    def words(self) -> tuple[list[str], list[Argument]]:
        """Return the keys and the arguments of the script."""
        flat = [word for pair in self.notes.items() for word in pair]
        lease_key, lease = self.keeper.lease
        args: list[Argument] = [lease, codec.dumps(self.reply), KEEP_MS, self.db, KEEP_PEER_S, *flat]
        return [lease_key, self.keeper.key, keys.peer(self.peer_id)], args


def begin_all(client: redis.Redis, beginnings: Sequence[Beginning]) -> list[Mark | LeaseLost | None]:
    """Write several marks with one flush to disk; the answer of each as ``begin`` gives it.

    Errors of the connection pass through: some may be written.
    """
    pipeline = client.pipeline(transaction=False)
    for beginning in beginnings:
        names, args = beginning.words()
        pipeline.evalsha(_BEGIN.sha, len(names), *names, *args)
    answers: list[Any] = pipeline.execute(raise_on_error=False)
    ends: list[Mark | LeaseLost | None] = []
    for beginning, answer in zip(beginnings, answers, strict=True):
        told = _BEGIN.run(client, *beginning.words()) if isinstance(answer, NoScriptError) else answer
        if isinstance(told, Exception):
            raise told
        try:
            ends.append(None if told[0] == b"new" else _mark(told))
        except LeaseLost as error:
            ends.append(error)
    return ends


def _mark(answer: Sequence[Any]) -> Mark:
    if answer[0] == b"lost":
        raise _lost("of this job")
    fields = dict(zip(answer[2][::2], answer[2][1::2], strict=True))
    sent = {
        int(name.removeprefix(b"sent:")): int(value) if value else None
        for name, value in fields.items()
        if name.startswith(b"sent:")
    }
    return Mark(codec.loads(fields[b"reply"]), int(answer[1]) - int(fields[b"begun_ms"]), sent)


def _lost(entry: str) -> LeaseLost:
    return LeaseLost(f"the lease of job {entry} is not ours any more")
