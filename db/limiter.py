"""Further slots of a token's rate for a job that runs. Its first one came with the job.

The limiter is a sorted set in the bot's own database: slot -> when it ends (µs by Redis' clock). A slot is held until
its request was answered and for a second more, so VK never sees more than ``[vk] requests_per_s`` in any second.
"""

from __future__ import annotations

import time

import redis

from db import keys
from db.errors import SaloError
from db.inbox import WINDOW_MS
from db.scripts import Script

_TAKE = Script("slot_take")


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
    entry, attempt = job
    args = (value, entry, attempt, number, db, per_second, WINDOW_MS * 1000, int((most_s * 1000 + WINDOW_MS) * 1000))
    wait_ms = int(_TAKE.run(client, [key, keys.RATE], args))
    if wait_ms < 0:
        raise LeaseLost(f"the lease of job {entry} is not ours any more")
    return wait_ms / 1000


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
