"""Replies of one lane under backlog: composed by one job, sent by another, 25 to a request, settled each by itself.

The lane keeps what is composed until it is on its way; the reply mark in Redis keeps it for whoever comes after. An
event that failed once is answered by a job of its own from then on, so that it cannot fail others; one whose attempt
ended with its host did not fail. What is decided when is in ``batches``. While the lane rests nothing is packed: what
is composed goes back, and one job is the probe.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from typing import Any

from db import inbox, limiter
from db.errors import BadJson
from db.inbox import Due, Entry, Given, Gone, Lost, Tried, Wait
from db.slots import WINDOW_MS
from db.unsent import forget_composed
from server.dispatcher.batches import FILL_MS, KEPT_MS, LISTED_MAX, Load, SlotsLeft, next_step
from server.dispatcher.composed import Composed, Outbox, by_entry, of_item, whole, with_slots_of
from server.dispatcher.conversations import UNTRIED
from server.dispatcher.handling import BLOCKED_MOST_MS, Ask, Handling, LaneLost
from server.dispatcher.jobs import batch_job, compose_job, event_item
from server.dispatcher.pool import NeverRan, WorkerDied, WorkerHandle
from server.dispatcher.trial import trial_of
from server.dispatcher.verdicts import Verdict

EXECUTE = "execute"
FORGET_SPARE_MS = 60_000  # the mark of an event that was new is this lane's, however the clocks differ
OFF_MS = 60_000  # without packing, after VK or the engine refused it

# Whether this task's scripts come in heaps: others do not wait behind them for an answer.
_is_bulk: ContextVar[bool] = ContextVar("is_bulk", default=False)

Work = Callable[[WorkerHandle], Awaitable[None]]

log = logging.getLogger(__name__)


class Packing(Handling):
    """Handles the entries of one lane, alone or packed."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.answering = 0  # conversations, by jobs of their own
        self._outbox = Outbox()
        self._slots_left = SlotsLeft(WINDOW_MS)
        self._composing = 0  # events
        self._alone: set[str] = set()  # entries that are answered by a job of their own
        self._answering: set[str] = set()  # entries whose job has a slot
        self._off_until_ms = 0
        self._sent_batch_last = False
        self._batches = 0
        self._delta = ""  # the newest of the base that was told
        self._name = secrets.token_hex(4)  # of this lane's batches: their slots outlive it

    def has_work(self, now_ms: int) -> bool:
        """Say whether a worker would find something to do now."""
        return not self.pauses.is_shut(now_ms) and next_step(self._load(now_ms)) != "nothing"

    def next_work(self, now_ms: int) -> Work | None:
        """Take what a worker is to do now out of what waits."""
        if self.pauses.is_shut(now_ms):
            return None
        match next_step(self._load(now_ms)):
            case "answer":
                self._sent_batch_last = False
                if self.pauses.rests and self._conversations.has_ready(now_ms):
                    self._conversations.bring(tried=self.pauses.probes_tried)
                entry = self._conversations.take(now_ms)
                if entry is None:
                    return None
                self.pauses.begin(entry.entry, now_ms)
                self.answering += 1
                return lambda worker: self._answer(entry, worker)
            case "compose":
                entries = self._conversations.take_those(now_ms, self._can_compose, LISTED_MAX)
                self._composing += len(entries)
                return lambda worker: self._compose(entries, worker)
            case "send":
                self._sent_batch_last = True
                parts = self._outbox.take(self._settings.vk.batch)
                return lambda worker: self._send(parts, worker)
        return None

    def next_ms(self) -> int | None:
        """Return when there may be something to do that nothing else announces."""
        oldest_ms = self._outbox.oldest_ms()
        return None if oldest_ms is None else oldest_ms + FILL_MS

    def _load(self, now_ms: int) -> Load:
        head = self._conversations.head(now_ms)
        rests = self.pauses.rests
        packs = self._packs(now_ms)
        # What is composed when the lane begins to rest is on its way back.
        parts, oldest_ms = (0, None) if rests else (len(self._outbox), self._outbox.oldest_ms())
        return Load(
            ready=self._conversations.ready(now_ms),
            free=self._slots_left.free(self._settings.vk.requests_per_s, now_ms),
            is_blocked=self.is_blocked(now_ms),
            head_is_alone=head is not None and not self._can_compose(head),
            can_compose=packs and self._conversations.has_those(now_ms, self._can_compose),
            composing=self._composing,
            parts=parts,
            oldest_ms=0 if oldest_ms is None else now_ms - oldest_ms,
            sent_batch_last=self._sent_batch_last,
            packs=packs,
        )

    def _packs(self, now_ms: int) -> bool:
        """Say whether replies may share a request now."""
        is_off = 0 < self._off_until_ms - now_ms <= OFF_MS
        has_method = not self.pauses.is_paused(EXECUTE, now_ms)
        return self._settings.vk.batch > 1 and not is_off and has_method and not self.pauses.rests

    def _can_compose(self, entry: Entry) -> bool:
        """Say whether an event may share a job: it is a message that never failed, and has another attempt left."""
        tried = self._conversations.tried(entry.entry)
        never_failed = not tried.attempts or (not tried.reason and tried.attempts < self._settings.lanes.attempts - 1)
        return never_failed and entry.type == "message_new" and entry.entry not in self._alone

    async def hand_back(self) -> None:
        """Let what is composed and was not sent count as not begun, for the next owner."""
        while self._outbox:
            await asyncio.gather(*(self._give_back(one) for one in self._outbox.take()))

    # Alone.

    async def _answer(self, entry: Entry, worker: WorkerHandle) -> None:
        try:
            await self.attempt(entry, worker)
        finally:
            self.answering -= 1
            self.pauses.end(entry.entry)
        if entry.entry not in self._conversations:
            self._alone.discard(entry.entry)

    async def _hand_out(self, entry: Entry, attempt: int) -> Given | None:
        given = await super()._hand_out(entry, attempt)
        if given is not None:
            self._slots_left.taken()
            self._answering.add(entry.entry)
        return given

    async def _conclude(self, entry: Entry, attempt: int, event: dict[str, Any], verdict: Verdict, worker: int) -> None:
        if entry.entry in self._answering:
            self._answering.discard(entry.entry)
            self._slots_left.ended(verdict.slots_used, self._clock.now_ms())
        await super()._conclude(entry, attempt, event, verdict, worker)

    async def _judged(self, entry: Entry, verdict: Verdict, *, is_known_good: bool = False) -> Verdict:
        judged = await super()._judged(entry, verdict, is_known_good=is_known_good)
        if self.pauses.rests:
            await self.hand_back()
        return judged

    async def _insist(self, call: inbox.Call) -> Any:
        redis = self._shared.bulk if _is_bulk.get() and self._shared.bulk is not None else self._redis
        return await redis.insist(call, self._is_wanted)

    # Composing.

    async def _compose(self, entries: list[Entry], worker: WorkerHandle) -> None:
        """Let one worker decide and write down the replies to ``entries``, which were taken."""
        _is_bulk.set(True)
        for entry in entries:
            self.pauses.begin(entry.entry, self._clock.now_ms())
        try:
            begun = await asyncio.gather(*(self._begin(entry) for entry in entries))
            items = {item["entry"]: item for item in begun if item is not None}
            given = [entry for entry in entries if entry.entry in items]
            if not given:
                return
            ends = await self._composed(given, items, worker)
            worker.release()
            await asyncio.gather(*(self._take_in(entry, items[entry.entry], ends, worker.pid) for entry in given))
        finally:
            self._composing -= len(entries)
            for entry in entries:
                self.pauses.end(entry.entry)

    async def _begin(self, entry: Entry) -> dict[str, Any] | None:
        """Count the attempt without a slot; returns what the job says of it, None when there is nothing to do."""
        tried = self._conversations.tried(entry.entry)
        if self.is_stale(entry) and await self._close_stale(entry, tried):
            return None
        attempt = tried.attempts + 1
        call = inbox.hand_out(self._claim, entry, attempt, 0, 0)
        match inbox.handed_out(await self._insist(call)):
            case Given() as given:
                self._clock.seen(given.now_ms)
                self._delta = given.delta
            case Gone():
                self._conversations.finish(entry)
                self._note("gone", entry, "")
                return None
            case _:
                raise LaneLost
        try:
            later = self._conversations.later(entry)
            return event_item(entry, attempt, given, is_repeat=tried != UNTRIED, later=later)
        except BadJson as error:
            verdict = Verdict("fail", reason=f"the inbox holds no event: {error}", slots_used=0)
            await self._conclude(entry, attempt, {}, await self._judged(entry, verdict), 0)
            return None

    async def _composed(
        self, entries: Sequence[Entry], items: dict[str, dict[str, Any]], worker: WorkerHandle
    ) -> dict[str, Verdict]:
        """Return the worker's verdicts by entry. An entry without one was not begun, or its worker ended before."""
        for entry in entries:
            self._note("handed out", entry, "", attempt=items[entry.entry]["attempt"], worker=worker.pid)
        listed = list(items.values())
        paused = self.pauses.paused_methods(self._clock.now_ms())
        job = compose_job(self._settings, self._claim, self.bot, self.config, listed, self._delta, paused=paused)
        by_name = {entry.entry: entry for entry in entries}
        last = ""

        def on_begun(entry: str) -> None:
            nonlocal last
            last = entry

        async def on_ask(ask: Ask) -> dict[str, Any]:
            of_whom = items.get(str(ask.get("entry")))
            if of_whom is None:
                return {"id": ask.get("id"), "text": "nobody of this job asks", "data": None, "exit_code": 1}
            return await self._asked(by_name[of_whom["entry"]], {**job, **of_whom}, ask)

        try:
            told = await worker.run(job, self._settings.engine.deadline_s, on_ask, on_begun)
        except NeverRan as error:
            return dict.fromkeys(items, Verdict("retry", reason=str(error), outage=True))
        except WorkerDied as error:
            if last not in items:
                self._switch_off(f"the engine begins nothing: {error}")
                return {}
            # The one it was at is to blame; the others are composed again.
            return {last: Verdict("retry", reason=str(error), trace=error.last_words or None, died=True)}
        ends = by_entry(told.raw.get("items") or [])
        if told.outcome != "done" or not ends.keys() & items.keys():
            self._switch_off(f"the engine composes nothing: {told.reason}")
            return {}
        return ends

    async def _take_in(self, entry: Entry, item: dict[str, Any], ends: dict[str, Verdict], worker: int) -> None:
        """Put one composed reply into the outbox, or conclude what got none."""
        verdict, attempt = ends.get(entry.entry), item["attempt"]
        if verdict is None or verdict.alone:
            if verdict is not None:
                self._alone.add(entry.entry)
                await self._judged(entry, verdict)
            await self._again(entry, attempt, verdict)
        elif verdict.outcome in ("done", "unsolved") and isinstance(verdict.raw.get("composed"), dict):
            composed = Composed(entry, attempt, item["event"], verdict.raw, worker, self._clock.now_ms(), slots=verdict)
            composed.is_new = not item["repeat"]
            composed.sent = {int(number): told for number, told in verdict.raw["composed"].get("sent", {}).items()}
            if not composed.go_on():
                await self._conclude(entry, attempt, item["event"], await self._judged(entry, whole(composed)), worker)
            elif self.pauses.rests:
                await self._give_back(composed)
            else:
                self.pauses.composed()
                self._outbox.put(composed)
        else:
            await self._conclude(entry, attempt, item["event"], await self._judged(entry, verdict), worker)

    # Sending.

    async def _send(self, batch: list[Composed], worker: WorkerHandle) -> None:
        """Let one worker send the next part of each reply in ``batch``, and settle what is complete."""
        _is_bulk.set(True)
        now_ms = self._clock.now_ms()
        late = [composed for composed in batch if now_ms - composed.composed_ms > KEPT_MS]
        batch = [composed for composed in batch if composed not in late]
        await asyncio.gather(*(self._give_back(composed) for composed in late))
        if batch:
            await self._send_all(batch, worker)

    async def _send_all(self, batch: list[Composed], worker: WorkerHandle) -> None:
        self._batches += 1
        name = f"batch-{self._name}-{self._batches}"
        call = limiter.take_batch_slot(self._claim, name, self._settings.vk.requests_per_s, self._most_ms)
        taken = limiter.slot_taken(await self._insist(call))
        if isinstance(taken, Lost):
            raise LaneLost
        if isinstance(taken, Wait):
            self.blocked_until_ms = self._clock.now_ms() + min(taken.wait_ms, BLOCKED_MOST_MS)
            self._outbox.put_first(batch)
            if self.pauses.rests:
                await self.hand_back()
            return
        self._slots_left.taken()
        if self.pauses.rests:  # since a moment
            self._slots_left.ended(0, self._clock.now_ms())
            await self._insist(limiter.end_batch_slots(self._claim, name, 0, ()))
            await asyncio.gather(*(self._give_back(composed) for composed in batch))
            return
        for composed in batch:
            self.pauses.begin(composed.entry.entry, self._clock.now_ms())
        try:
            await self._carry(name, taken, batch, worker)
        finally:
            for composed in batch:
                self.pauses.end(composed.entry.entry)

    async def _carry(self, name: str, slot_in_ms: float, batch: list[Composed], worker: WorkerHandle) -> None:
        """Send a batch that has a slot, and take in what became of each part."""
        told = await self._sent(name, slot_in_ms, batch, worker)
        worker.release()
        self._slots_left.ended(told.slots_used, self._clock.now_ms())
        if told.outcome == "fail":
            self._switch_off(f"VK refused a batch: {told.reason}")
        items = {str(item.get("entry")): item for item in told.raw.get("items") or () if isinstance(item, dict)}
        ended = limiter.end_batch_slots(self._claim, name, **self._slots(told))
        await asyncio.gather(
            self._insist(ended),
            *(self._part_ended(composed, items.get(composed.entry.entry), told, worker.pid) for composed in batch),
        )

    async def _sent(self, name: str, slot_in_ms: float, batch: list[Composed], worker: WorkerHandle) -> Verdict:
        """Return the verdict on a batch; a worker's end is one too, of which no event is to blame more than another."""
        sendings = [composed.sending() for composed in batch]
        paused = self.pauses.paused_methods(self._clock.now_ms())
        job = batch_job(self._settings, self._claim, self.bot, self.config, name, slot_in_ms, sendings, paused=paused)

        async def on_ask(ask: Ask) -> dict[str, Any]:
            return {"id": ask.get("id"), "text": "a batch asks nothing", "data": None, "exit_code": 1}

        try:
            return await worker.run(job, self._settings.engine.deadline_s, on_ask)
        except WorkerDied as error:
            return Verdict("retry", reason=str(error), died=True)

    async def _part_ended(self, composed: Composed, item: dict[str, Any] | None, told: Verdict, worker: int) -> None:
        """Go on with one reply of a batch, or conclude its event."""
        if item is not None and item.get("verdict") == "sent":
            message_id = item.get("message_id")
            composed.sent[composed.number] = message_id if isinstance(message_id, int) else None
            if composed.go_on():
                self._outbox.put_first([composed])
                if self.pauses.rests:
                    await self.hand_back()
                return
            verdict = whole(composed, item)
        else:
            verdict = with_slots_of(composed, of_item(item, told))
        if verdict.alone:
            self._alone.add(composed.entry.entry)
        if trial_of(verdict).is_refused:
            await self._forget(composed)
        judged = await self._judged(composed.entry, verdict, is_known_good=True)
        await self._conclude(composed.entry, composed.attempt, composed.event, judged, worker)

    async def _forget(self, composed: Composed) -> bool:
        """Take the mark of a reply back of which VK has nothing; says whether there is none any more."""
        if not composed.is_new or composed.sent:
            return False
        age_ms = max(self._clock.now_ms() - composed.entry.accepted_ms, 0) + FORGET_SPARE_MS
        return bool(await self._insist(forget_composed(self._claim, composed.entry.entry, age_ms)) == 1)

    async def _give_back(self, composed: Composed) -> None:
        """Let an event whose reply was not sent count as not begun: no doubt is left of what people saw."""
        is_forgotten = await self._forget(composed)
        await self._again(composed.entry, composed.attempt, composed.slots, is_untried=is_forgotten)

    async def _again(
        self, entry: Entry, attempt: int, told: Verdict | None = None, *, is_untried: bool = False
    ) -> None:
        """Let an entry that was begun, and did nothing wrong, have its turn again at once. ``told`` knows its slots."""
        slots = {} if told is None else self._slots(told)
        call = inbox.retry(self._claim, entry, attempt, 0, "", counted=False, **slots)
        match inbox.retried(await self._insist(call)):
            case Due(now_ms, due_ms):
                self._clock.seen(now_ms)
                if is_untried:
                    self._conversations.put_back(entry)
                else:
                    self._conversations.delay(entry, Tried(attempt - 1, due_ms, ""))
            case Gone():
                self._conversations.finish(entry)
            case _:
                raise LaneLost

    def _switch_off(self, reason: str) -> None:
        self._off_until_ms = self._clock.now_ms() + OFF_MS
        log.warning("replies are sent one by one for a while bot=%s reason=%s", self.bot.name, reason)
