"""What one job works with: the stores of this worker, and for this job alone VK with its token, its slots, its mark."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar

import redis

from db import limiter
from db.base import QUERY_LIMIT_S, Base
from db.errors import StorageUnavailable
from db.links import redis_client
from db.marks import Beginning, MarkKeeper
from db.protocol import CommandResult
from db.settings import Settings
from db.slots import PROOF_S
from engine.errors import NeedsSlot
from engine.job import Job
from engine.matching.library import Library
from engine.matching.tending import Tending
from engine.message import Message, parse_message
from engine.people import People
from engine.slots import Slots
from engine.sparing import COMMON, Sparing
from engine.vk.client import VkClient, VkSession
from engine.vk.errors import VkError, VkUnavailable

REPORT_S = 0.5  # of the deadline kept for the report
HURRY_S = 1.0  # for what talk can do without: MariaDB may be down, and people wait

log = logging.getLogger(__name__)

Ask = Callable[[str], CommandResult]
T = TypeVar("T")


class Stores:
    """Connections of one worker, made at their first use: never before the fork, never shared between processes."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.redis = redis_client(settings)
        # Twice the limit and its margin must fit into a job: a worker is killed at its deadline.
        limit_s = min(QUERY_LIMIT_S, max(settings.engine.deadline_s / 6, 1.0))
        self.sparing = Sparing(COMMON)
        self.base = cache(lambda name: Base(name, settings, limit_s, on_outcome=self._learn))
        self.hurried = cache(lambda name: Base(name, settings, HURRY_S, hurried=True, on_outcome=self._learn))
        self.bot_redis: Callable[[int], redis.Redis] = cache(lambda db: redis_client(settings, db))
        self.library = Library(self.redis, self.base, settings.state, self.sparing, self.hurried)
        self.tending = Tending(self.library, self.redis, settings.state)
        self.people = People(self.redis, self.hurried, self.sparing)
        self.session = VkSession(settings.vk.api_url, settings.vk.timeout_s)

    def serving_base(self, name: str) -> Base:
        """Return the way into a base that answers. ``StorageUnavailable``: it does not, and a person waits."""
        if not self.sparing.may_ask():
            raise StorageUnavailable("MariaDB did not answer a moment ago")
        with self.hurried(name).unit():
            return self.base(name)

    def _learn(self, is_served: bool) -> None:
        if is_served:
            self.sparing.answered()
        else:
            self.sparing.was_silent()


@dataclass(slots=True)
class JobDesk:
    """One job's tools. ``person`` is what is known of the writer so far."""

    job: Job
    stores: Stores
    ask: Ask
    slots: Slots
    vk: VkClient
    mark: MarkKeeper
    person: dict[str, str] | None = None
    news: dict[str, str] | None = None  # names learned by this job
    timings_ms: dict[str, float] = field(default_factory=dict)
    proved_s: float = 0.0  # when the lease was last known to be ours; monotonic
    draft: tuple[Message, dict[str, Any], dict[str, str]] | None = None  # composed: to whom, what, notes

    @property
    def writer_id(self) -> int:
        """Who wrote the message; 0 when nobody says."""
        message = parse_message(self.job.event)
        return message.from_id if message else 0

    @property
    def is_composing(self) -> bool:
        """Is the reply only to be decided and written down?"""
        return self.job.kind == "compose"

    def beginning(self) -> Beginning:
        """Return the mark that is to be written for the draft."""
        assert self.draft is not None
        message, reply, notes = self.draft
        return Beginning(self.mark, reply, self.job.bot.db, message.peer_id, notes)

    def call(self, method: str, **values: Any) -> Any:
        """Call VK within the rate and the deadline. A call whose connection was cut is repeated once, at once.

        Servers cut connections that were idle for long; all our calls bear a repeat.
        """
        return self._repeated(method, lambda: self.vk.call(method, **values))

    def execute(self, code: str) -> tuple[Any, list[Any]]:
        """Let VK run ``code``, by the same rules. Returns what it returned, and the errors of its failed calls."""
        return self._repeated("execute", lambda: self.vk.execute(code))

    def _repeated(self, method: str, call: Callable[[], T]) -> T:
        try:
            return self._call_once(method, call)
        except VkUnavailable as error:
            if not error.is_broken:
                raise
            log.info("vk call repeated method=%s error=%s", method, error)
            return self._call_once(method, call)

    def _call_once(self, method: str, call: Callable[[], T]) -> T:
        self.slots.take()
        self.prove()
        self.stores.session.timeout_s = max(min(self.stores.settings.vk.timeout_s, self.job.left_s() - REPORT_S), 0.05)
        sent_s, answered = time.monotonic(), ""
        try:
            answer = call()
            answered = method
            return answer
        except VkError:
            answered = method
            raise
        finally:
            self.slots.note(answered, sent_s, time.monotonic())

    def prove(self) -> None:
        """See that the lease is ours, if that was not seen just now. Raises ``LeaseLost``, or ``NoSlot`` too late.

        A process that was stopped for a while sends nothing that the slots of a new owner do not know of.
        """
        if self.job.left_s() <= 0:
            raise limiter.NoSlot("the job's time is over, and its slot with it")
        now_s = time.monotonic()
        if now_s - self.proved_s > PROOF_S:
            self.mark.prove()
            self.proved_s = now_s


def open_desk(job: Job, stores: Stores, ask: Ask) -> JobDesk:
    """Return the tools of one job. Connects to nothing yet."""
    lease = (job.lease_key, job.lease_value)
    return JobDesk(
        job=job,
        stores=stores,
        ask=ask,
        slots=_no_slots() if job.kind == "compose" else open_slots(job, stores),
        vk=VkClient(stores.session, job.token),
        mark=MarkKeeper(stores.redis, lease, job.bot.group_id, job.entry),
        person=job.person,
    )


def open_slots(job: Job, stores: Stores, wait_most_s: float = math.inf) -> Slots:
    """Return the slots of one job, which waits for each further one up to ``wait_most_s`` and within its deadline."""
    claim = (stores.redis, (job.lease_key, job.lease_value), job.bot.db, (job.entry, job.attempt))
    per_second = stores.settings.vk.requests_per_s

    def left_s() -> float:
        # All of it: a request may be on its way until this worker is killed.
        return max(job.left_s(), 0.0)

    def wait_for(number: int) -> None:
        most_s = left_s()
        spare_s = max(REPORT_S, most_s - wait_most_s)
        limiter.take_slot(*claim, number, per_second=per_second, most_s=most_s, spare_s=spare_s)

    def ask_for(number: int) -> bool:
        return limiter.try_slot(*claim, number, per_second=per_second, most_s=left_s()) == 0

    return Slots(job.slots, wait_for, ask_for, job.slot_at)


def _no_slots() -> Slots:
    """Return what a job has that only composes."""

    def refuse(number: int) -> None:
        raise NeedsSlot("this reply needs a call of VK before it is known")

    return Slots(0, refuse, lambda number: False)
