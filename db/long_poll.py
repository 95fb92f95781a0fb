"""Where a bot's long poll stands, in the bot's own database: a listener that comes after goes on from there."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import redis

from db import keys

PULSE_EVERY_S = 60.0


@dataclass(frozen=True, slots=True)
class Standing:
    """How a bot's listener is. ``at_ms``: of its last answer that was told; ``trouble``: why there is none."""

    place: str = ""
    at_ms: int = 0
    trouble: str = ""


def standing(client: redis.Redis) -> Standing:
    """Read it through a client of the bot's database."""
    found: Any = client.hgetall(keys.LONG_POLL)
    place, at_ms, trouble = (found.get(name, b"").decode("utf-8", "replace") for name in (b"ts", b"at_ms", b"trouble"))
    return Standing(place, int(at_ms) if at_ms.isdecimal() else 0, trouble)


class Place:
    """Writes it, through a client of the bot's database: what was kept at once, that we live once a minute."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client
        self._told_s = float("-inf")
        self._written = Standing()

    def read(self) -> str:
        """Return where to go on, empty where nobody ever was."""
        self._written = standing(self._redis)
        return self._written.place

    def answered(self, place: str) -> None:
        """Note an answer whose events are all kept."""
        now_s = time.monotonic()
        if place != self._written.place or self._written.trouble or now_s - self._told_s >= PULSE_EVERY_S:
            self._write(Standing(place, int(time.time() * 1000)))
            self._told_s = now_s

    def troubled(self, reason: str) -> None:
        """Note why there is no answer."""
        if reason != self._written.trouble:
            self._write(Standing(self._written.place, self._written.at_ms, reason[:300]))

    def _write(self, now: Standing) -> None:
        values: Any = {"ts": now.place, "at_ms": now.at_ms, "trouble": now.trouble}
        self._redis.hset(keys.LONG_POLL, mapping=values)
        self._written = now
