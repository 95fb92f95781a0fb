"""This host's claim on the duties that only one of all hosts has: the lease ``leader``, renewed like those of lanes."""

from __future__ import annotations

import asyncio
import logging

from redis.exceptions import RedisError

from db import keys
from db.errors import StorageUnavailable
from server.dispatcher.batching import BatchedRedis
from server.dispatcher.leases import Leases

RELEASE_S = 2.0  # for giving it back at the end
_NAME = "leader"

log = logging.getLogger(__name__)


class Leader:
    """``live`` until cancelled, then ``leave``. Somebody else leads within a lease after this host's death."""

    def __init__(self, redis: BatchedRedis, host_id: str, lease_s: float) -> None:
        self._leases = Leases(redis, host_id, lease_s, key=lambda _name: keys.LEADER)
        self._lease_s = lease_s

    def lease(self) -> tuple[str, str] | None:
        """Return (key, value) while this host surely leads."""
        return (keys.LEADER, self._leases.value(_NAME)) if self._leases.is_sure(_NAME) else None

    async def live(self) -> None:
        """Claim and renew, for ever. A dead predecessor's claim is dropped at once."""
        has_inherited = False
        while True:
            try:
                if not has_inherited:
                    await self._leases.inherit([_NAME])
                    has_inherited = True
                if await self._leases.renew():
                    log.warning("this host leads no more")
                if await self._leases.take([_NAME]):
                    log.info("this host leads")
            except (StorageUnavailable, RedisError, OSError):
                log.debug("leader's lease not renewed")
            await asyncio.sleep(self._lease_s / 3)

    async def leave(self) -> None:
        """Give the lease back, so that another host need not wait for its end."""
        try:
            async with asyncio.timeout(RELEASE_S):
                await self._leases.release([_NAME])
        except (StorageUnavailable, RedisError, OSError, TimeoutError):
            self._leases.forget(_NAME)
