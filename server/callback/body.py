"""Reading a request's body: bounded in size, and in time by a watch, since the server itself waits for ever."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

log = logging.getLogger(__name__)

SLOW_S = 10.0  # VK gives up after about 8 s
CROWDED_S = 1.0  # when half of the threads wait for bodies


class TooLarge(Exception):
    """The body is over its bound."""


class Cut(Exception):
    """The body ended before its announced length, or its length is no number."""


def read_body(environ: Mapping[str, Any], most: int) -> bytes:
    """Return the body of at most ``most`` bytes, or raise ``TooLarge`` or ``Cut``. Blocks while it comes in."""
    stream, announced = environ["wsgi.input"], environ.get("CONTENT_LENGTH") or ""
    length = _length(announced)
    try:
        if length is not None and length > most:
            raise TooLarge
        body: bytes = stream.read(most + 1)
        if len(body) > most:
            raise TooLarge
    except OSError:
        raise Cut from None
    if length is not None and len(body) != length:
        raise Cut
    return body


def _length(announced: str) -> int | None:
    """Return a Content-Length, ``None`` when there is none (chunked)."""
    if not announced:
        return None
    if not (announced.isascii() and announced.isdigit() and len(announced) < 19):
        raise Cut
    return int(announced)


class BodyWatch:
    """Knows which threads wait for a body, and hangs up on senders that are too slow.

    The server reads a body in one of a few blocking threads and has no time-out for it, so a handful of silent
    connections would close the door for everybody. It does not say either which connection a request came by: all
    of that address are closed, a reverse proxy's too, which is why a proxy should buffer bodies (nginx does).
    """

    def __init__(self, threads: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._threads, self._clock = threads, clock
        self._waiting: dict[int, tuple[float, str]] = {}

    @contextmanager
    def reading(self, address: str) -> Iterator[None]:
        """Hold the block that reads a body sent from ``address``."""
        thread = threading.get_ident()
        self._waiting[thread] = (self._clock(), address)
        try:
            yield
        finally:
            del self._waiting[thread]

    def too_slow(self) -> set[str]:
        """Return the addresses whose bodies take too long; soon, when they hold half of the threads."""
        waiting = list(self._waiting.values())
        most_s = CROWDED_S if 2 * len(waiting) >= self._threads else SLOW_S
        return {address for since, address in waiting if self._clock() - since > most_s}

    def hang_up(self) -> int:
        """Close the connections of all who are too slow; return how many."""
        addresses = self.too_slow()
        closed = sum(map(shut_connections, addresses))
        if closed:
            log.warning("slow senders cut off addresses=%d connections=%d", len(addresses), closed)
        return closed


def shut_connections(address: str) -> int:
    """Shut down this process' connections whose other end is ``address``; return how many."""
    shut = 0
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208, a path per descriptor is waste
        with contextlib.suppress(OSError), _borrowed(int(name)) as connection:
            peer = connection.getpeername()
            if connection.type == socket.SOCK_STREAM and isinstance(peer, tuple) and peer[0] == address:
                connection.shutdown(socket.SHUT_RDWR)
                shut += 1
    return shut


@contextmanager
def _borrowed(descriptor: int) -> Iterator[socket.socket]:
    """Look at a descriptor as a socket without owning it; ``OSError`` when it is none."""
    copy = os.dup(descriptor)
    try:
        connection = socket.socket(fileno=copy)
    except OSError:
        os.close(copy)
        raise
    with connection:
        yield connection
