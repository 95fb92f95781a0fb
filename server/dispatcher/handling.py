"""What happens to one entry of a lane: handed to a worker and concluded, or settled unread.

Each way ends in exactly one script: settled to the journal, put back with a delay, or buried. Scripts are repeated
until they are answered; ``LaneLost`` ends everything at once.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from db import inbox
from db.bot_config import BotConfig
from db.bots import Bot
from db.errors import BadJson
from db.inbox import Claim, Entry, Given, Gone, Lost, Tried, Wait
from db.settings import Settings
from server.dispatcher.backoff import DIED_S, OUTAGE_FIRST_S, OUTAGE_MOST_S, backoff_s
from server.dispatcher.batching import BatchedRedis
from server.dispatcher.clock import RedisClock
from server.dispatcher.conversations import DELAY_MAX_MS, UNTRIED, Conversations
from server.dispatcher.jobs import answer_job
from server.dispatcher.keeping import keep, tell
from server.dispatcher.pace import Pace
from server.dispatcher.pauses import Change, Pauses, Rules, fingerprint
from server.dispatcher.pool import NeverRan, WorkerDied, WorkerHandle
from server.dispatcher.rows import ignored_row, journal_rows
from server.dispatcher.telling import UNTOLD, told_end
from server.dispatcher.trial import trial_of
from server.dispatcher.verdicts import Verdict

WARN_EVERY_S = 60.0  # of messages that come late
BLOCKED_MOST_MS = 1000  # before asking for a slot again: jobs give theirs back before it says

Ask = dict[str, Any]
OnAsk = Callable[[Bot, dict[str, Any], Ask], Awaitable[dict[str, Any]]]
OnEvent = Callable[[str, dict[str, Any]], None]
Unread = Literal["flood", "stale"]

log = logging.getLogger(__name__)


class LaneLost(Exception):
    """The lease is not ours any more: stop, and touch nothing."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What all lanes of a dispatcher share."""

    settings: Settings
    redis: BatchedRedis
    clock: RedisClock
    dice: random.Random
    on_ask: OnAsk
    on_event: OnEvent
    rules: Rules = field(default_factory=Rules)
    pace: Pace = field(default_factory=Pace)
    bulk: BatchedRedis | None = None  # another connection, for what comes in heaps; None = the same


class Handling:
    """Handles the entries of one lane. ``is_wanted`` turns false when the lane is lost."""

    def __init__(
        self,
        shared: Shared,
        bot: Bot,
        config: BotConfig,
        claim: Claim,
        conversations: Conversations,
        is_wanted: Callable[[], bool],
    ) -> None:
        self.bot, self.config = bot, config
        self.counters: Counter[str] = Counter()
        self.pauses = Pauses(shared.rules, fingerprint(config.token.reveal()))
        self.blocked_until_ms = 0  # no slot is free before
        self._warn_s = float("-inf")
        self._keeping = asyncio.Lock()
        self._shared = shared
        self._settings, self._redis, self._clock = shared.settings, shared.redis, shared.clock
        self._claim = claim
        self._conversations = conversations
        self._is_wanted = is_wanted

    def is_stale(self, entry: Entry) -> bool:
        """Say whether nobody wants an answer any more."""
        late_ms = self._clock.late_ms(entry.sent_ms, entry.accepted_ms)
        return late_ms > self._settings.lanes.answer_max_age_s * 1000

    def is_blocked(self, now_ms: int) -> bool:
        """Say whether no slot is free. What says so for longer than any wait was said before the clock was set back."""
        return 0 < self.blocked_until_ms - now_ms <= BLOCKED_MOST_MS

    @property
    def _most_ms(self) -> int:
        """How long after its hand-out a worker may still work at the most."""
        # The job begins when the answer comes: late, if this host stood still, but while its lease is valid.
        return int((self._settings.lanes.lease_s + self._settings.engine.deadline_s) * 1000)

    async def attempt(self, entry: Entry, worker: WorkerHandle) -> None:
        """Bring one entry that was taken to its end, or to its next try. Releases the worker as soon as it can."""
        tried = self._conversations.tried(entry.entry)
        attempt = tried.attempts + 1
        if self.is_stale(entry) and await self._close_stale(entry, tried):
            return
        if tried.attempts >= self._settings.lanes.attempts:
            why = f"attempt {tried.attempts} was the last: {tried.reason or 'it ended with its host'}"
            await self._bury(entry, tried.attempts, Verdict("fail", reason=why), {"attempt": tried.attempts, **UNTOLD})
            return
        given = await self._hand_out(entry, attempt)
        if given is None:
            return
        try:
            event, verdict = await self._work(entry, attempt, given, worker)
        finally:
            worker.release()
        verdict = await self._judged(entry, verdict)
        await self._conclude(entry, attempt, event, verdict, worker.pid)

    async def _hand_out(self, entry: Entry, attempt: int) -> Given | None:
        """Take a slot and count the attempt; ``None`` when there is nothing to do now."""
        call = inbox.hand_out(self._claim, entry, attempt, self._settings.vk.requests_per_s, self._most_ms)
        match inbox.handed_out(await self._insist(call)):
            case Given() as given:
                self._clock.seen(given.now_ms)
                return given
            case Wait(wait_ms):
                self.blocked_until_ms = self._clock.now_ms() + min(wait_ms, BLOCKED_MOST_MS)
                self._conversations.put_back(entry)
                return None
            case Gone():
                self._conversations.finish(entry)
                self._note("gone", entry, "")
                return None
        raise LaneLost

    async def _work(
        self, entry: Entry, attempt: int, given: Given, worker: WorkerHandle
    ) -> tuple[dict[str, Any], Verdict]:
        """Return the event and the worker's verdict on it; a worker's end is a verdict too."""
        try:
            is_repeat = self._conversations.tried(entry.entry) != UNTRIED
            paused = self.pauses.paused_methods(self._clock.now_ms())
            known = (self._settings, self._claim, self.bot, self.config)
            later = self._conversations.later(entry)
            job = answer_job(*known, entry, attempt, given, is_repeat=is_repeat, later=later, paused=paused)
        except BadJson as error:
            return {}, Verdict("fail", reason=f"the inbox holds no event: {error}", slots_used=0)
        event: dict[str, Any] = job["event"]
        self._note("handed out", entry, "", attempt=attempt, worker=worker.pid)

        async def on_ask(ask: Ask) -> dict[str, Any]:
            return await self._asked(entry, job, ask)

        try:
            return event, await worker.run(job, self._settings.engine.deadline_s, on_ask)
        except WorkerDied as error:
            is_innocent = isinstance(error, NeverRan)
            trace = error.last_words or None
            return event, Verdict("retry", reason=str(error), trace=trace, outage=is_innocent, died=not is_innocent)

    async def _judged(self, entry: Entry, verdict: Verdict, *, is_known_good: bool = False) -> Verdict:
        """Let the lane rest or go on after what was heard, and spare an event that is not to blame for it.

        ``is_known_good``: that the bot did well was counted before.
        """
        trial = trial_of(verdict)
        trial = replace(trial, is_good=trial.is_good and not is_known_good)
        decision = self.pauses.concluded(entry.entry, trial, self._clock.now_ms())
        await self.keep(decision.changes)
        return replace(verdict, outcome="retry", outage=True) if decision.is_spared else verdict

    async def keep(self, changes: Sequence[Change]) -> None:
        """Write down what changed of the pauses, and tell of it."""
        if changes:
            tell(self.bot.name, changes, self._clock.now_ms(), self._shared.on_event)
            async with self._keeping:  # in order: one that is written late must not undo what came after it
                if await self._insist(keep(self._claim, changes)) == b"lost":
                    raise LaneLost

    async def _asked(self, entry: Entry, job: dict[str, Any], ask: Ask) -> dict[str, Any]:
        try:
            return await self._shared.on_ask(self.bot, job, ask)
        except Exception:  # what one question meets must not end the lane
            log.exception("question not answered bot=%s entry=%s", self.bot.name, entry.entry)
            return {"id": ask.get("id"), "text": "this failed", "data": None, "exit_code": 1}

    async def _conclude(self, entry: Entry, attempt: int, event: dict[str, Any], verdict: Verdict, worker: int) -> None:
        """Settle an attempt's end: acknowledge, put back with a delay, or bury at the last attempt."""
        told = {"attempt": attempt, "worker": worker, **told_end(event, verdict.raw)}
        if verdict.outcome in ("done", "ignored", "unsolved"):
            rows = journal_rows(self.bot, event, verdict.raw, self._clock.now_ms())
            await self._settle(inbox.close(self._claim, entry, attempt, rows, **self._slots(verdict)))
            self._conversations.finish(entry)
            self._note(verdict.outcome, entry, verdict.reason, **told)
        elif verdict.outcome == "retry" and (verdict.outage or attempt < self._settings.lanes.attempts):
            await self._retry(entry, attempt, verdict, told)
        else:
            await self._bury(entry, attempt, verdict, told)
        if verdict.slots_used == 0:
            self.blocked_until_ms = 0  # its slot was given back

    async def _retry(self, entry: Entry, attempt: int, verdict: Verdict, told: dict[str, Any]) -> None:
        dice = self._shared.dice
        if verdict.died and attempt == 1:
            delay_s = DIED_S
        elif verdict.outage:
            delay_s = backoff_s(attempt, dice, first_s=OUTAGE_FIRST_S, most_s=OUTAGE_MOST_S)
        else:
            delay_s = backoff_s(attempt, dice)
        delay_ms = min(int(max(delay_s, verdict.retry_after_s) * 1000), DELAY_MAX_MS)
        reason, slots = verdict.reason, self._slots(verdict)
        call = inbox.retry(self._claim, entry, attempt, delay_ms, reason, counted=not verdict.outage, **slots)
        match inbox.retried(await self._insist(call)):
            case inbox.Due(now_ms, due_ms):
                self._clock.seen(now_ms)
                attempts = attempt - 1 if verdict.outage else attempt
                self._conversations.delay(entry, Tried(attempts, due_ms, reason))
                self._note("retry", entry, reason, delay_ms=delay_ms, **told)
            case Gone():
                self._conversations.finish(entry)
            case _:
                raise LaneLost

    async def _bury(self, entry: Entry, attempt: int, verdict: Verdict, told: dict[str, Any]) -> None:
        log.warning("event buried bot=%s event_id=%s attempt=%d reason=%s",
                    self.bot.name, entry.event_id, attempt, verdict.reason)  # fmt: skip
        call = inbox.bury(self._claim, entry, attempt, verdict.reason, verdict.trace, **self._slots(verdict))
        await self._settle(call)
        self._conversations.finish(entry)
        self._note("buried", entry, verdict.reason, **told)

    async def _close_stale(self, entry: Entry, tried: Tried) -> bool:
        """Settle a message that nobody wants answered any more, unless something may have been sent for it."""
        rows = self._ignored(entry, "stale")
        call = inbox.close(self._claim, entry, 0, rows, unless_marked=tried != UNTRIED)
        if await self._settle(call) == "marked":
            return False
        self._conversations.finish(entry)
        self._note("ignored", entry, "stale", **UNTOLD)
        self.counters["stale"] += 1
        return True

    def _slots(self, verdict: Verdict) -> dict[str, Any]:
        """Return what a script is told of a job's slots. To be asked once a verdict: the pace learns from it."""
        return {"slots_used": verdict.slots_used, "arrived_ms": self._shared.pace.arrived_ms(verdict.calls)}

    async def _settle(self, call: inbox.Call) -> str:
        answer = inbox.settled(await self._insist(call))
        if isinstance(answer, Lost):
            raise LaneLost
        return answer

    async def _insist(self, call: inbox.Call) -> Any:
        return await self._redis.insist(call, self._is_wanted)

    async def close_unread(self, entry: Entry, reason: Unread) -> None:
        """Settle an entry that was never handed out."""
        await self._settle(inbox.close(self._claim, entry, 0, self._ignored(entry, reason)))
        self._conversations.forget(entry)
        if reason == "stale":
            self._warn_of_late(entry)
        self._note("ignored", entry, reason, **UNTOLD)
        self.counters[reason] += 1

    def _warn_of_late(self, entry: Entry) -> None:
        """Say, once in a while, that messages are old when they come: a wrong clock must not silence a bot unseen."""
        late_ms, now_s = entry.accepted_ms - entry.sent_ms, time.monotonic()
        if late_ms > self._settings.lanes.answer_max_age_s * 1000 and now_s >= self._warn_s:
            self._warn_s = now_s + WARN_EVERY_S
            log.warning("messages come late and are not answered bot=%s late_s=%d; VK repeats them after an outage, "
                        "else the clock of Redis is ahead", self.bot.name, late_ms // 1000)  # fmt: skip

    def _ignored(self, entry: Entry, reason: str) -> list[dict[str, Any]]:
        return [ignored_row(self.bot, entry.event_id, entry.peer_id, reason, self._clock.now_ms())]

    def _note(self, step: str, entry: Entry, reason: str, **more: Any) -> None:
        """Count a step and tell the subscribers. At its end ``more`` has what ``told_end`` says."""
        self.counters[step] += 1
        told = {
            "bot": self.bot.name,
            "entry": entry.entry,
            "event_id": entry.event_id,
            "peer_id": entry.peer_id,
            "step": step,
            "reason": reason,
            "age_ms": max(self._clock.now_ms() - entry.accepted_ms, 0),  # the clock may have been set back
            **more,
        }
        self._shared.on_event("event", told)
