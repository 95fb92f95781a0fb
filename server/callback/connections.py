"""Which of this process' connections are cut: those that bring a request too slowly, and the idlest of too many.

granian has one time for heads and for idle connections alike, none for bodies, and accepts nobody at its bound of
connections: a few thousand that say nothing would shut VK out for as long as they like. The kernel knows when each was
last heard and last answered (TCP_INFO). Of unix sockets it does not say: there a proxy stands in front, and its own
bounds hold.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import stat
import struct
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from server.callback.counters import BoundedLog, Counters

log = logging.getLogger(__name__)

SLOW_S = 10.0  # from a request's first byte to its answer; VK gives up after about 8 s
CROWDED_S = 1.0  # the same for who holds half of the threads; and nobody is cut sooner after an answer
CROWD_SHARE, CALM_SHARE = 0.75, 0.5  # of the bound: above the first, the idlest are cut down to the second
REST_SHARE = 4  # times the CPU time of a look until the next one

# struct tcp_info of linux/tcp.h: last_data_sent, last_data_recv, bytes_acked, bytes_received.
_INFO = struct.Struct("=44xI4xI64xQQ")


@dataclass(frozen=True, slots=True)
class Heard:
    """What the kernel says of one connection: ages in ms of what was last sent and received, and how much it was."""

    descriptor: int
    inode: int
    address: str
    sent_ms: int
    received_ms: int
    sent: int
    received: int

    @property
    def is_asking(self) -> bool:
        """Say whether something came in since we answered last, or since the connection began."""
        return self.received_ms < self.sent_ms or (self.sent <= 1 < self.received)


@dataclass(frozen=True, slots=True)
class Asked:
    """Since when a connection brings the request after so many bytes of answers."""

    sent: int
    since_s: float


def asking(found: Iterable[Heard], before: dict[int, Asked], now_s: float) -> dict[int, Asked]:
    """Return, by inode, since when each connection that brings a request was seen to bring it. Pure."""
    asked = {}
    for one in found:
        if one.is_asking:
            known = before.get(one.inode)
            asked[one.inode] = known if known and known.sent == one.sent else Asked(one.sent, now_s)
    return asked


def too_slow(found: Sequence[Heard], asked: dict[int, Asked], crowding: set[str], now_s: float) -> list[Heard]:
    """Return those whose request takes too long; soon, when they come from ``crowding`` addresses. Pure."""
    slow = []
    for one in found:
        most_s = CROWDED_S if one.address in crowding else SLOW_S
        if one.inode in asked and now_s - asked[one.inode].since_s >= most_s:
            slow.append(one)
    return slow


def too_many(found: Sequence[Heard], most: int) -> list[Heard]:
    """Return those that were answered longest ago, or never, when ``most`` is near. Pure."""
    if len(found) <= most * CROWD_SHARE:
        return []
    idle = sorted((one for one in found if one.sent_ms >= CROWDED_S * 1000), key=lambda one: -one.sent_ms)
    return idle[: len(found) - int(most * CALM_SHARE)]


class Connections:
    """The connections that came by ``listener``; ``look`` is called again and again by one thread."""

    def __init__(
        self, listener: socket.socket, most: int, counters: Counters, clock: Callable[[], float] = time.monotonic
    ) -> None:
        is_tcp = listener.family in (socket.AF_INET, socket.AF_INET6)
        self._port = int(listener.getsockname()[1]) if is_tcp else None
        self._most, self._counters, self._clock = most, counters, clock
        self._addresses: dict[int, str] = {}  # by inode; empty: not one of ours
        self._asked: dict[int, Asked] = {}
        self._next_s = float("-inf")
        self._bounded = BoundedLog(log)

    def look(self, crowding: set[str]) -> None:
        """Cut who is too slow or too much. ``crowding``: addresses whose bodies hold half of the threads."""
        began_s = self._clock()
        if self._port is None or began_s < self._next_s:
            return
        cpu_s = time.thread_time()
        found = self._find(self._port)
        self._asked = asking(found, self._asked, began_s)
        slow = too_slow(found, self._asked, crowding, began_s)
        self._cut("slow senders", "cut_slow", slow)
        gone = {one.inode for one in slow}
        self._cut("idle connections", "cut_idle", too_many([one for one in found if one.inode not in gone], self._most))
        self._next_s = self._clock() + REST_SHARE * (time.thread_time() - cpu_s)

    def _cut(self, who: str, kind: str, connections: Sequence[Heard]) -> None:
        count = sum(map(_shut, connections))
        if count:
            self._counters.add(kind, count)
            addresses = len({one.address for one in connections})
            self._bounded.warning(kind, "%s cut off connections=%d addresses=%d", who, count, addresses)

    def _find(self, port: int) -> list[Heard]:
        found, addresses = [], {}
        for name in os.listdir("/proc/self/fd"):  # noqa: PTH208, a path per descriptor is waste
            descriptor = int(name)
            with contextlib.suppress(OSError):  # closed meanwhile
                about = os.fstat(descriptor)
                if not stat.S_ISSOCK(about.st_mode):
                    continue
                inode = about.st_ino
                known = self._addresses.get(inode)
                address = addresses[inode] = _sender(descriptor, port) if known is None else known
                if address:
                    found.append(Heard(descriptor, inode, address, *_ask_kernel(descriptor)))
        self._addresses = addresses
        return found


def _sender(descriptor: int, port: int) -> str:
    """Return who is at the other end of what came by our port; nothing for listeners and Redis' connections."""
    connection = socket.socket(fileno=descriptor)
    try:
        if connection.family in (socket.AF_INET, socket.AF_INET6) and connection.getsockname()[1] == port:
            return str(connection.getpeername()[0])
    except OSError:
        return ""
    finally:
        connection.detach()
    return ""


def _ask_kernel(descriptor: int) -> tuple[int, int, int, int]:
    """Return the four facts of ``Heard``. There are thousands to ask for: the socket is made without looking at it."""
    connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, descriptor)
    try:
        return _INFO.unpack(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO.size))
    finally:
        connection.detach()


def _shut(one: Heard) -> bool:
    """Shut a connection down, unless its descriptor has become another's. granian, which owns it, closes it then."""
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(one.descriptor)) as connection:
        if os.fstat(connection.fileno()).st_ino == one.inode:
            connection.shutdown(socket.SHUT_RDWR)
            return True
    return False
