"""Slows down what is told about states: four times a second of each thing, the last word wins.

A state says how something is, so that one that was overtaken tells nobody anything. The first change goes out at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

PAUSE_S = 0.25
_EARLY_S = 0.001  # a timer may come so much too soon
QUIET_MAX = 1000  # things whose pause is over, before they are forgotten

_NAMED: dict[str, tuple[str, ...]] = {"process": ("name",), "bot": ("bot",), "ticker": ("name", "bot")}


@dataclass(slots=True)
class _Told:
    """When something may be told again, and what is to be told then."""

    next_s: float
    topic: str
    waiting: dict[str, Any] | None = None


class Pace:
    """Lets states through to ``send``, now or a little later. Lives in one loop."""

    def __init__(self, send: Callable[[str, dict[str, Any]], None]) -> None:
        self._send = send
        self._told: dict[Hashable, _Told] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._forget_s = float("-inf")

    def slows(self, topic: str) -> bool:
        """Say whether this is a topic of states."""
        return topic in _NAMED

    def put(self, topic: str, data: dict[str, Any]) -> None:
        """Send a state at once, or remember it until its thing may be told of again."""
        key, now_s = (topic, *(data.get(name) for name in _NAMED[topic])), asyncio.get_running_loop().time()
        told = self._told.get(key)
        if told is not None and (told.waiting is not None or now_s < told.next_s):
            told.waiting = data
            self._wake_at(told.next_s)
            return
        self._forget(now_s)
        self._told[key] = _Told(now_s + PAUSE_S, topic)
        self._send(topic, data)

    def close(self) -> None:
        """Tell nothing more."""
        if self._timer is not None:
            self._timer.cancel()
        self._told.clear()

    def _wake_at(self, due_s: float) -> None:
        if self._timer is not None and self._timer.when() > due_s:
            self._timer.cancel()
            self._timer = None
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_at(due_s, self._send_due)

    def _send_due(self) -> None:
        self._timer = None
        now_s = asyncio.get_running_loop().time() + _EARLY_S
        for told in list(self._told.values()):
            if told.waiting is None:
                continue
            if told.next_s > now_s:
                self._wake_at(told.next_s)
                continue
            data, told.waiting, told.next_s = told.waiting, None, now_s + PAUSE_S
            self._send(told.topic, data)

    def _forget(self, now_s: float) -> None:
        """Forget what may be told at once anyway; looked for once a pause, since nothing else can be found sooner."""
        if len(self._told) >= QUIET_MAX and now_s >= self._forget_s:
            self._forget_s = now_s + PAUSE_S
            self._told = {
                key: told for key, told in self._told.items() if told.waiting is not None or now_s < told.next_s
            }
