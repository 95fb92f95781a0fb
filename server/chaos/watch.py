"""Follows a platform's events through its control socket: which messages each worker is about."""

from __future__ import annotations

import asyncio

from db import codec
from db.errors import BadJson
from db.protocol import LINE_MAX
from db.state import StateDir, reachable

_AGAIN_S = 0.02  # between two tries to reach a platform
_SUBSCRIBE = {"jsonrpc": "2.0", "id": 1, "method": "subscribe", "params": {"topics": ["event"]}}


class Watch:
    """Knows what was handed to whom. ``follow`` runs until it is cancelled, over any number of platforms."""

    def __init__(self, state: StateDir) -> None:
        self._state = state
        self._worker_of: dict[str, int] = {}  # event_id -> pid

    def events_of(self, pid: int) -> frozenset[str]:
        """Return the events that were handed to a worker and did not end yet."""
        return frozenset(event for event, worker in self._worker_of.items() if worker == pid)

    async def follow(self) -> None:
        while True:
            try:
                await self._follow_one()
            except (OSError, ValueError):  # nobody listens; it went away; a line of another length
                await asyncio.sleep(_AGAIN_S)

    async def _follow_one(self) -> None:
        reader, writer = await asyncio.open_unix_connection(reachable(self._state.control_socket), limit=LINE_MAX)
        self._worker_of.clear()
        try:
            writer.write(codec.dumps(_SUBSCRIBE) + b"\n")
            while line := await reader.readline():
                self._take(line)
        finally:
            writer.close()
        raise ConnectionResetError

    def _take(self, line: bytes) -> None:
        try:
            data = codec.loads(line)["params"]["data"]
            event, step = str(data["event_id"]), data["step"]
        except (BadJson, KeyError, TypeError):
            return  # the answer to our question, or news of lines that were dropped
        if step == "handed out":
            self._worker_of[event] = int(data.get("worker") or 0)
        else:
            self._worker_of.pop(event, None)
