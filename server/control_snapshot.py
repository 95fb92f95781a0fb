"""The platform's snapshot as JSON, made once for all terminals that ask for it at about the same time."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from db import codec
from db.protocol import INTERNAL_ERROR, LINE_MAX, PlatformSnapshot
from server.commands.context import PlatformView
from server.control_methods import RpcError

KEPT_S = 0.25
SNAPSHOT_MAX = LINE_MAX - 4096  # bytes; the rest is for what goes around it


class SnapshotJson:
    """Takes snapshots, and keeps the last one for a moment. Belongs to the platform's loop."""

    def __init__(self, view: PlatformView) -> None:
        self._view = view
        self._kept: Any = None
        self._until_s = float("-inf")

    def fresh(self) -> Any:
        """Return how everything is now. Raises ``RpcError`` when it is more than an answer may hold."""
        self._kept = codec.encoded(_json(self._view.snapshot()))
        self._until_s = time.monotonic() + KEPT_S
        return self._kept

    def recent(self) -> Any:
        """Return how everything was a moment ago, with all that was told since. Raises ``RpcError``."""
        return self._kept if time.monotonic() < self._until_s else self.fresh()

    def outdate(self) -> None:
        """Forget the kept one: a change was told, and whoever heard of it must not be shown what was before it."""
        self._until_s = float("-inf")


def _json(snapshot: PlatformSnapshot) -> bytes:
    """Return a snapshot as JSON, without the bots' counters if it does not fit with them."""
    found = codec.dumps(snapshot)
    if len(found) > SNAPSHOT_MAX:
        found = codec.dumps(replace(snapshot, bots=[replace(bot, counters={}) for bot in snapshot.bots]))
    if len(found) > SNAPSHOT_MAX:
        text = f"a snapshot of {len(snapshot.bots)} bots has {len(found)} bytes, may have {SNAPSHOT_MAX}"
        raise RpcError(INTERNAL_ERROR, text)
    return found
