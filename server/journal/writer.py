"""The journal writer's loop: hears which bases have news, and lets a few threads drain them, one each at a time.

A wake-up is a hint; every second all journals are looked at, and new bases are found. A lease keeps the writers of
other hosts from doing the same work; that nothing is written twice does not depend on it (see ``drain``).
"""

from __future__ import annotations

import logging
import random
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import redis

from db import keys
from db.bases import Base, BaseInfo, BaseStore
from db.errors import StorageUnavailable
from db.links import redis_client, subscriber
from db.scripts import Script
from db.settings import Settings
from server.journal.drain import Drain, is_passing

THREADS = 4  # bases drained at the same time
GATHER_S = 0.05  # between a wake-up and its batch
SWEEP_EVERY_S = 1.0
LEASE_S = 5.0
TURN_S = 2.0  # after which a base with a long journal lets others have the thread
_HEAR_S = 0.25  # at most; also how late a stop may be noticed

_TAKE, _RELEASE = Script("lease_take"), Script("lease_release")
log = logging.getLogger(__name__)


def backoff_s(attempt: int, dice: random.Random, *, first_s: float = 0.2, most_s: float = 5.0) -> float:
    """Return the wait before try ``attempt + 1``: doubling up to ``most_s``, ±20 %."""
    return float(min(first_s * 2 ** min(attempt - 1, 16), most_s) * dice.uniform(0.8, 1.2))


@dataclass
class _Lane:
    """One base: what drains it, and when it is its turn."""

    info: BaseInfo
    base: Base
    drain: Drain
    due: float | None = None  # monotonic; None: nothing to do until somebody says so
    failures: int = 0
    running: Future[None] | None = None

    def wake(self, at: float) -> None:
        """Have it drained at ``at``, or when it is due before. A lane that waits after a failure stays asleep."""
        if not self.failures and (self.due is None or at < self.due):
            self.due = at

    @property
    def busy(self) -> bool:
        return self.running is not None and not self.running.done()


class Writer:
    """Drains all journals until ``stop`` is set. ``owner`` goes into the leases: one writer a host."""

    def __init__(self, settings: Settings, owner: str, stop: threading.Event) -> None:
        self._settings = settings
        self._owner = owner
        self._stop = stop
        self._redis = redis_client(settings)
        self._store = BaseStore(self._redis, settings)
        self._ears: Any = None  # a PubSub
        self._lanes: dict[str, _Lane] = {}
        self._dice = random.Random()  # spreads the tries of several hosts

    def run(self) -> None:
        """Work until ``stop`` is set; return when the batches in hand are through."""
        failures, next_sweep = 0, 0.0
        with ThreadPoolExecutor(THREADS, "drain") as pool:
            while not self._stop.is_set():
                try:
                    if time.monotonic() >= next_sweep:
                        self._sweep()
                        next_sweep = time.monotonic() + SWEEP_EVERY_S
                    self._hear(self._wait_s(next_sweep))
                    failures = 0
                except (redis.RedisError, OSError, StorageUnavailable) as error:
                    failures += 1
                    log.warning("storage cannot be reached attempt=%d error=%s", failures, error)
                    self._deafen()
                    self._stop.wait(backoff_s(failures, self._dice))
                self._start_due(pool)
        self._deafen()
        self._release()

    def _sweep(self) -> None:
        """Find new bases, forget dropped ones, and wake those whose journals hold something."""
        infos = {info.name: info for info in self._store.list()}
        for name, lane in list(self._lanes.items()):
            if infos.get(name) != lane.info and not lane.busy:
                self._lanes.pop(name).base.close()
        for name, info in infos.items():
            if name not in self._lanes:
                base = Base(name, self._settings)
                self._lanes[name] = _Lane(info, base, Drain(base, info.journal, self._redis))
        pipeline = self._redis.pipeline(transaction=False)
        for name in self._lanes:
            pipeline.xlen(keys.journal(name))
        for lane, waiting in zip(self._lanes.values(), pipeline.execute(), strict=True):
            if waiting:
                lane.wake(time.monotonic())

    def _hear(self, wait_s: float) -> None:
        """Wait for a wake-up and note it, or return after ``wait_s``."""
        if self._ears is None:
            ears: Any = subscriber(self._settings)
            self._ears = ears.pubsub(ignore_subscribe_messages=True)
            self._ears.psubscribe(keys.journal_wake("*"))
        message = self._ears.get_message(timeout=wait_s)
        if message is not None and message["type"] == "pmessage":
            lane = self._lanes.get(message["channel"].decode().rpartition(":")[2])
            if lane is not None:
                lane.wake(time.monotonic() + GATHER_S)

    def _wait_s(self, next_sweep: float) -> float:
        """Return how long nothing is to be done."""
        dues = [lane.due for lane in self._lanes.values() if lane.due is not None and not lane.busy]
        soonest = min([next_sweep, *dues]) - time.monotonic()
        return max(0.0, min(_HEAR_S, soonest))

    def _start_due(self, pool: ThreadPoolExecutor) -> None:
        now = time.monotonic()
        for lane in self._lanes.values():
            if lane.due is not None and lane.due <= now and not lane.busy:
                lane.due = None
                lane.running = pool.submit(self._drain, lane)

    def _drain(self, lane: _Lane) -> None:
        """Drain one base for a turn, in a thread of the pool; the one broad net of each."""
        name = lane.info.name
        try:
            done = self._drain_turn(lane)
        except Exception as error:
            lane.failures += 1
            wait_s = backoff_s(lane.failures, self._dice)
            lane.due = time.monotonic() + wait_s
            say = log.warning if is_passing(error) else log.exception
            say("journal waits base=%s attempt=%d wait_s=%.1f error=%s", name, lane.failures, wait_s, error)
            return
        if lane.failures:
            log.info("journal goes on base=%s attempts=%d", name, lane.failures)
            lane.failures = 0
        if not done:
            lane.wake(time.monotonic())

    def _drain_turn(self, lane: _Lane) -> bool:
        """Write batches until the journal is empty (``True``), the turn is over, or we stop."""
        end = time.monotonic() + TURN_S
        while not self._stop.is_set() and time.monotonic() < end:
            if not self._has_lease(lane.info.name):
                return True  # another host drains it; the next sweep looks again
            if lane.drain.drain_batch() == 0:
                return True
        return False

    def _has_lease(self, base: str) -> bool:
        """Take or prolong our lease of a base."""
        took = _TAKE.run(self._redis, [keys.journal_lease(base)], [int(LEASE_S * 1000), 1, self._owner])
        return bool(took[0])

    def _release(self) -> None:
        """Let other hosts go on at once. Without an answer the leases run out by themselves."""
        leases = [keys.journal_lease(name) for name in self._lanes]
        if leases:
            try:
                _RELEASE.run(self._redis, leases, [keys.LEASES_RELEASED, *[self._owner] * len(leases)])
            except (redis.RedisError, OSError) as error:
                log.warning("leases not released error=%s", error)

    def _deafen(self) -> None:
        if self._ears is not None:
            self._ears.close()
            self._ears = None
