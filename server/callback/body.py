"""Reading a request's body: bounded in size, and watched, since the server itself waits for it for ever."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from server.callback.connections import CROWDED_S


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
    """Knows which threads wait for a body, and so who keeps the few that there are from all others.

    The server reads a body in one of a few blocking threads and has no time-out for it, so a handful of silent
    connections would close the door for everybody. It does not say which connection a request came by, only from
    which address.
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

    def crowding(self) -> set[str]:
        """Return the addresses that bodies are waited for, when these hold half of the threads."""
        waiting = list(self._waiting.values())
        if 2 * len(waiting) < self._threads:
            return set()
        return {address for since, address in waiting if self._clock() - since > CROWDED_S}
