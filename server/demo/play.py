"""Plays the demo: lets people talk at a steady rate, follows what bots say, and sums it up when all has settled."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Protocol

from redis.exceptions import RedisError

from db import keys
from db.bases import Base
from db.dead import DeadLetter, DeadLetters
from db.errors import StorageUnavailable
from db.links import redis_client
from db.models import History
from db.protocol import PAGE_MAX
from engine.vk.random_id import derive_random_id
from server.demo.chatter import Speech
from server.demo.score import Answers, Said, Shown, Summary, link_answers, summarise
from server.demo.stage import Stage

SETTLE_S = 60.0  # for what is still under way when people fall silent
BACK_S = 30.0  # for storage that is started again
_PAGE = 1000


class Speaker(Protocol):
    """Who knows what is said next."""

    def next(self) -> Speech: ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a performance came to: see ``score`` for what it is made into."""

    said: list[Said]
    shown: list[Shown]
    answers: Answers
    remembered: dict[str, list[str]]
    buried: list[DeadLetter]


class Play:
    """One performance on a stage."""

    def __init__(self, stage: Stage, chatter: Speaker) -> None:
        self.stage = stage
        self._chatter = chatter
        self._said: list[Said] = []
        self._shown: list[Shown] = []
        self._last_sent = 0

    @property
    def said(self) -> int:
        return len(self._said)

    async def talk(self, rate: float, until: Callable[[], bool]) -> None:
        """Say ``rate`` messages a second until ``until`` says that it is enough."""
        started, spoken = time.monotonic(), 0
        while not until():
            due = int((time.monotonic() - started) * rate) + 1
            speeches = [self._chatter.next() for _ in range(due - spoken)]
            if speeches:
                await self._say(speeches)
                spoken = due
            await asyncio.sleep(min(1.0 / rate, 0.05))

    async def _say(self, speeches: list[Speech]) -> None:
        at_ms = time.time() * 1000
        answers = await self.stage.desk.order("/say", [self._order(speech) for speech in speeches])
        for speech, answer in zip(speeches, answers, strict=True):
            for event in answer["events"]:
                kind = speech.kind if event["group_id"] == speech.role.group_id else "aside"
                place = (event["group_id"], event["peer_id"], event["conversation_message_id"])
                self._said.append(Said(event["event_id"], *place, kind, at_ms))

    def _order(self, speech: Speech) -> dict[str, Any]:
        peer = self.stage.chats[speech.room.title] if speech.room else "private"
        return {
            "from_id": speech.human.id,
            "group_id": speech.role.group_id,
            "peer": peer,
            "text": speech.text,
        }

    async def follow(self) -> None:
        """Collect what bots send, until cancelled."""
        while True:
            await self._collect(wait_s=20)

    async def _collect(self, wait_s: int) -> None:
        page = await self.stage.desk.read("/sent", after=self._last_sent, limit=_PAGE, wait=wait_s)
        for entry in page["sent"]:
            self._last_sent = entry["n"]
            self._shown.append(Shown(entry["group_id"], entry["peer_id"], entry["random_id"], entry["at_ms"]))

    async def summary(self) -> Summary:
        """Wait until everything is settled and written to the bases, then return what it came to."""
        outcome = await self.outcome()
        return summarise(outcome.said, outcome.answers, outcome.remembered)

    async def outcome(self) -> Outcome:
        """Wait until everything is settled and written to the bases, then return all that is known of it."""
        await self._until_settled()
        accepted = await self._accepted()
        before = -1
        while before != self._last_sent:
            before = self._last_sent
            await self._collect(wait_s=0)
        said = [replace(event, accepted_ms=accepted.get((event.group_id, event.event_id))) for event in self._said]
        remembered, buried = await self._kept()
        answers = link_answers(said, self._shown, derive_random_id)
        return Outcome(said, self._shown, answers, remembered, buried)

    async def _accepted(self) -> dict[tuple[int, str], float]:
        """Return when VK got `ok` for each event that it got it for."""
        found: dict[tuple[int, str], float] = {}
        last, before = 0, -1
        while last != before:
            page = await self.stage.desk.read("/deliveries", after=last, limit=_PAGE)
            for told in page["deliveries"]:
                if told["accepted_ms"] is not None:
                    found[told["group_id"], told["event_id"]] = told["accepted_ms"]
            before, last = last, page["deliveries"][-1]["n"] if page["deliveries"] else last
        return found

    async def _until_settled(self) -> None:
        """Return when VK waits for no `ok` and nothing waits here, or after ``SETTLE_S`` without any change."""
        client = redis_client(self.stage.settings)
        cast = self.stage.cast
        streams = [keys.inbox(role.name) for role in cast.roles] + [keys.journal(base) for base in cast.bases]

        def waiting() -> int | None:
            with suppress(RedisError):  # it may have been killed a moment ago
                return sum(client.xlen(stream) for stream in streams)
            return None

        before, changed = None, time.monotonic()
        while time.monotonic() - changed < SETTLE_S:
            pending = await self.stage.desk.read("/deliveries", outcome="pending")
            now = (len(pending["deliveries"]), await asyncio.to_thread(waiting))
            if now == (0, 0):
                break
            if now != before:
                before, changed = now, time.monotonic()
            await asyncio.sleep(0.05)
        client.close()

    async def _kept(self) -> tuple[dict[str, list[str]], list[DeadLetter]]:
        """Return history and dead letters. Storage that was killed a moment ago is waited for."""
        end_s = time.monotonic() + BACK_S
        while True:
            try:
                return await asyncio.to_thread(lambda: (self._remembered(), self._buried()))
            except (StorageUnavailable, RedisError):
                if time.monotonic() > end_s:
                    raise
            await asyncio.sleep(0.2)

    def _buried(self) -> list[DeadLetter]:
        """Return all dead letters, newest first."""
        client = redis_client(self.stage.settings)
        letters = DeadLetters(client)
        found = page = letters.page(size=PAGE_MAX)
        while page:
            page = letters.page(before=page[-1].id, size=PAGE_MAX)
            found = found + page
        client.close()
        return found

    def _remembered(self) -> dict[str, list[str]]:
        """Return ``{event_id: [reply or "", …]}`` from the history tables of the demo's bases."""
        found: dict[str, list[str]] = defaultdict(list)
        for name in self.stage.cast.bases:
            with Base(name, self.stage.settings).unit():
                rows: Any = History.select(History.event_id, History.tx).tuples()
                for event_id, reply in rows:
                    found[event_id].append(reply or "")
        return found
