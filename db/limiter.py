"""Slots of a token's rate: further ones for a job that runs (its first one came with the job), and those of batches.

The limiter is a sorted set in the bot's own database: slot -> when it ends (µs by Redis' clock). A slot is held until
its request was answered and for a second more, less what VK certainly needed for the answer (``db.slots``), so VK never
sees more than ``[vk] requests_per_s`` in any second.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import redis

from db import keys
from db.errors import SaloError
from db.inbox import Call, Claim, Lost, Wait
from db.scripts import Argument, Script
from db.slots import HEIR_MS, LEAD_MS, WINDOW_MS, holds_us

_TAKE, _END = Script("slot_take"), Script("slot_end")


class LeaseLost(SaloError):
    """Another host runs this lane now: send nothing more, leave everything as it is."""


class NoSlot(SaloError):
    """No slot became free in time."""


def try_slot(
    client: redis.Redis,
    job_lease: tuple[str, str],
    db: int,
    job: tuple[str, int],
    number: int,
    *,
    per_second: int,
    most_s: float,
) -> float:
    """Take slot ``number`` (1, 2, ... in a job's order) and return 0, or return the seconds until one may be free.

    ``client`` is of database 0, ``job_lease`` is (key, value), ``db`` the bot's database, ``job`` (entry, attempt);
    ``most_s`` is what the job may still take: a slot that nobody gives back ends with it.
    The same number twice is one slot, so an unknown outcome may be repeated. Asking says that all earlier requests of
    this job were answered. Raises ``LeaseLost``; errors of the connection pass through.
    """
    key, value = job_lease
    answer = _TAKE.run(client, [key, keys.RATE], _take_args(value, job, number, db, per_second, most_s * 1000, 0))
    taken = slot_taken(answer)
    if isinstance(taken, Lost):
        raise LeaseLost(f"the lease of job {job[0]} is not ours any more")
    return taken.wait_ms / 1000 if isinstance(taken, Wait) else 0.0


def take_slot(
    client: redis.Redis,
    job_lease: tuple[str, str],
    db: int,
    job: tuple[str, int],
    number: int,
    *,
    per_second: int,
    most_s: float,
    spare_s: float = 0.0,
) -> None:
    """Take slot ``number`` as ``try_slot`` does, waiting for it until ``spare_s`` are left; then raises ``NoSlot``."""
    end = time.monotonic() + most_s
    while True:
        left_s = end - time.monotonic()
        wait_s = try_slot(client, job_lease, db, job, number, per_second=per_second, most_s=max(left_s, 0.0))
        if wait_s == 0:
            return
        if wait_s > left_s - spare_s:
            raise NoSlot(f"no slot of the token's rate within {max(most_s - spare_s, 0.0):.1f} s")
        # Slots held by running jobs end earlier than they say.
        time.sleep(min(wait_s, 0.2))


def take_batch_slot(claim: Claim, batch: str, per_second: int, most_ms: int) -> Call:
    """Take the slot of a batch, a little before it begins. The worker starts after the answer, dead by ``most_ms``."""
    args = _take_args(claim.lease, (batch, 1), 0, claim.db, per_second, most_ms, LEAD_MS)
    return Call(_TAKE, (keys.lease(claim.bot), keys.RATE), args)


def slot_taken(answer: Sequence[Any]) -> float | Wait | Lost:
    """Return in how many milliseconds the slot begins, or that there is none."""
    match answer[0]:
        case b"ok":
            return int(answer[1]) / 1000
        case b"wait":
            return Wait(int(answer[1]))
    return Lost()


def end_batch_slots(claim: Claim, batch: str, slots_used: int, arrived_ms: Sequence[float]) -> Call:
    """End the slots of a batch that is over. ``slots_used`` below 0: all that were taken."""
    args = (claim.lease, batch, 1, claim.db, slots_used, holds_us(arrived_ms))
    return Call(_END, (keys.lease(claim.bot), keys.RATE), args)


def end_slots(client: redis.Redis, job_lease: tuple[str, str], db: int, job: tuple[str, int]) -> None:
    """Let the slots of a job whose requests were answered end a window from here. Errors of the connection pass."""
    key, value = job_lease
    _END.run(client, [key, keys.RATE], (value, *job, db, -1, holds_us()))


def _take_args(
    lease: str, job: tuple[str, int], number: int, db: int, per_second: int, most_ms: float, lead_ms: int
) -> tuple[Argument, ...]:
    hold_us = int((most_ms + HEIR_MS) * 1000)
    return (lease, *job, number, db, per_second, WINDOW_MS * 1000, hold_us, lead_ms * 1000)
