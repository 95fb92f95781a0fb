"""A small pool of raw Redis connections: one command, one answer, with the least Python between them.

redis-py's client costs more than all the rest of a callback (155 µs of about 60), so its parser is used without it.
Addresses and passwords come from ``db.links``.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import hiredis
import redis

from db.errors import StorageUnavailable
from db.links import redis_client
from db.scripts import Argument, Script
from db.settings import Settings

ANSWER_S = 3.0  # VK itself waits about 8 s
REST_S = 0.5  # after an answer that did not come: everybody is refused at once instead of waiting in a row
_CHUNK = 65_536

Reply = Any


class Refusal(StorageUnavailable):
    """Redis answered, with an error: out of memory, loading, disk full."""


class Wire:
    """Commands to database 0. Safe to share between threads: each call has a connection to itself.

    A call may be made twice when its connection turns out to be dead, so every command must bear a repeat.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._idle: deque[_Connection] = deque()
        self._rest_until = 0.0

    def call(self, *words: Argument) -> Reply:
        """Return Redis' answer; ``Refusal`` for an error, ``StorageUnavailable`` when there is none in 3 s."""
        answer = self._exchange(_pack(*words))
        if isinstance(answer, hiredis.ReplyError):
            raise Refusal(str(answer))
        return answer

    def run(self, script: Script, names: Sequence[str], arguments: Sequence[Argument]) -> Reply:
        """Return a script's answer; a Redis that has forgotten the script is sent it."""
        try:
            return self.call("EVALSHA", script.sha, len(names), *names, *arguments)
        except Refusal as refusal:
            if not str(refusal).startswith("NOSCRIPT"):
                raise
            return self.call("EVAL", script.text, len(names), *names, *arguments)

    def _exchange(self, packed: bytes) -> Reply:
        if self._clock() < self._rest_until:
            raise StorageUnavailable("Redis did not answer a moment ago")
        try:
            try:
                return self._once(packed, self._take())
            except (ConnectionError, EOFError):
                # Idle connections died with a Redis that restarted. A new one tells whether it is back.
                self.close()
                return self._once(packed, _Connection(self._settings))
        except (TimeoutError, BlockingIOError):
            self._rest_until = self._clock() + REST_S
            raise StorageUnavailable(f"Redis did not answer within {ANSWER_S:g} s") from None
        except (OSError, EOFError, hiredis.ProtocolError) as error:
            raise StorageUnavailable(f"Redis cannot be reached: {error}") from None

    def close(self) -> None:
        """Drop the connections that nobody uses now."""
        while self._idle:
            with contextlib.suppress(IndexError):  # another thread was faster
                self._idle.pop().close()

    def _take(self) -> _Connection:
        try:
            return self._idle.pop()
        except IndexError:
            return _Connection(self._settings)

    def _once(self, packed: bytes, connection: _Connection) -> Reply:
        """Send and read; the connection goes back to the others only when its answer was read to the end."""
        try:
            answer = connection.exchange(packed)
        except BaseException:
            connection.close()
            raise
        self._idle.append(connection)
        return answer


class _Connection:
    """One socket and its parser, made known to Redis."""

    __slots__ = ("_reader", "_socket")

    def __init__(self, settings: Settings) -> None:
        client = redis_client(settings)  # never connects: it only knows the address
        address = client.get_connection_kwargs()
        self._reader = hiredis.Reader()
        self._socket = _connect(address, issubclass(client.connection_pool.connection_class, redis.SSLConnection))
        try:
            self._authenticate(address)
        except BaseException:
            self.close()
            raise

    def exchange(self, packed: bytes) -> Reply:
        """Return the answer to one command; an error reply is returned, not raised."""
        self._socket.sendall(packed)
        while (answer := self._reader.gets()) is False:  # not whole yet
            data = self._socket.recv(_CHUNK)
            if not data:
                raise EOFError("connection closed")
            self._reader.feed(data)
        return answer

    def close(self) -> None:
        self._socket.close()

    def _authenticate(self, address: dict[str, Any]) -> None:
        if address.get("password") is None:
            return
        user = [address["username"]] if address.get("username") else []
        answer = self.exchange(_pack("AUTH", *user, address["password"]))
        if isinstance(answer, hiredis.ReplyError):
            raise Refusal(str(answer))


def _pack(*words: Argument) -> bytes:
    packed: bytes = hiredis.pack_command(words)  # type: ignore[arg-type]  # its stub knows commands of one word
    return packed


def _connect(address: dict[str, Any], encrypted: bool) -> socket.socket:
    if "path" not in address:
        plain = socket.create_connection((address["host"], address["port"]), timeout=ANSWER_S)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if encrypted:
            context = ssl.create_default_context(cafile=address.get("ssl_ca_certs"))
            return context.wrap_socket(plain, server_hostname=address["host"])
        return _timed_by_kernel(plain)
    plain = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        plain.settimeout(ANSWER_S)
        plain.connect(address["path"])
    except OSError:
        plain.close()
        raise
    return _timed_by_kernel(plain)


def _timed_by_kernel(plain: socket.socket) -> socket.socket:
    """Let the kernel time reads and writes, which then raise ``BlockingIOError``; Python would poll before each."""
    plain.settimeout(None)
    seconds, rest = divmod(ANSWER_S, 1)
    limit = struct.pack("@ll", int(seconds), int(rest * 1e6))
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
    return plain
