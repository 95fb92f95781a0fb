"""Which hosts live, and how many lanes each should have. Each tells of itself whenever it renews its leases.

The live hosts share the bots as evenly as can be. All see the same list, so that the shares add up to all bots; while
their lists differ, after a death or when one joins, a lane may stay free for a moment, and never has two owners: that
is the leases' work.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from db import keys
from db.inbox import Call
from db.scripts import Script
from server.dispatcher.batching import BatchedRedis

FORGET_MS = 24 * 3600 * 1000  # a host that is gone is shown for a day

_TELL = Script("host_tell")


@dataclass(frozen=True, slots=True)
class HostInfo:
    """One host, as it last told. ``gone_ms``: how long it has not been heard of beyond what is usual, 0: it lives."""

    name: str
    lanes: int
    gone_ms: int
    is_own: bool = False


class Hosts:
    """The hosts that share one Redis, as of the last look. Until the first look there is nobody else."""

    def __init__(self, redis: BatchedRedis, own: str, lease_s: float) -> None:
        self.own = own
        self.known: tuple[HostInfo, ...] = ()
        self._redis, self._lease_ms = redis, int(lease_s * 1000)

    async def tell(self, lanes: int) -> None:
        """Say that this host lives and has so many lanes, and look at all. Raises ``StorageUnavailable``."""
        answer = await self._redis.run(Call(_TELL, (keys.HOSTS,), (self.own, self._lease_ms, lanes, FORGET_MS)))
        rows = zip(answer[::3], answer[1::3], answer[2::3], strict=True)
        told = ((name.decode(), int(count), max(int(gone), 0)) for name, gone, count in rows)
        found = (HostInfo(name, count, gone_ms, name == self.own) for name, count, gone_ms in told)
        self.known = tuple(sorted(found, key=lambda host: host.name))

    async def leave(self) -> None:
        """Count as gone at once, and be forgotten. Raises ``StorageUnavailable``."""
        await self._redis.command("HDEL", keys.HOSTS, self.own)

    def share(self, lanes: int, bots: int) -> int:
        """Return how many lanes this host, which has ``lanes``, should have."""
        return share(self.own, self._living(lanes), bots)

    def surplus(self, lanes: int, bots: int) -> int:
        """Return how many of its ``lanes`` this host should give to hosts that have too few."""
        return surplus(self.own, self._living(lanes), bots)

    def _living(self, lanes: int) -> dict[str, int]:
        return {host.name: host.lanes for host in self.known if not host.gone_ms} | {self.own: lanes}


def share(own: str, lanes: Mapping[str, int], bots: int) -> int:
    """Return how many of the bots fall to ``own`` among the hosts, which have so many ``lanes`` each.

    Where it does not come out even those that have more already have one more, so that nothing moves for nothing.
    """
    hosts = sorted(lanes, key=lambda host: (-lanes[host], host))
    each, more = divmod(bots, len(hosts))
    return each + (hosts.index(own) < more)


def surplus(own: str, lanes: Mapping[str, int], bots: int) -> int:
    """Return how many lanes ``own`` has beyond its share, and others lack."""
    lacking = sum(max(share(name, lanes, bots) - count, 0) for name, count in lanes.items() if name != own)
    return max(min(lanes[own] - share(own, lanes, bots), lacking), 0)
