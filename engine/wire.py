"""JSON lines over a job's socket, blocking, with a bound on each line."""

from __future__ import annotations

import socket
from typing import Any

from db import codec
from engine.errors import BadJob

LINE_MAX = 4 << 20  # bytes
_CHUNK = 1 << 16


class Wire:
    """Reads and writes whole lines. Used by one thread."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._socket.setblocking(True)
        self._pending = bytearray()

    def read(self) -> bytes | None:
        """Return the next line, or None when the other side has gone. Blocks. Raises ``BadJob`` for an endless one."""
        while (end := self._pending.find(b"\n")) < 0:
            if len(self._pending) > LINE_MAX:
                raise BadJob(f"a line of more than {LINE_MAX} bytes")
            try:
                chunk = self._socket.recv(_CHUNK)
            except ConnectionResetError:
                return None
            if not chunk:
                return None
            self._pending += chunk
        line = bytes(self._pending[:end])
        del self._pending[: end + 1]
        return line

    def write(self, message: dict[str, Any]) -> None:
        """Send one object. Errors of the socket mean that the platform is gone."""
        self._socket.sendall(codec.dumps(message) + b"\n")
