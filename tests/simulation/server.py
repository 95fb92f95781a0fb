"""redis-server in a virtual world: whether it answers, who listens, and where an exchange with it breaks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, Protocol

import redis

from db.scripts import Script
from tests.simulation.memory_redis import MemoryRedis
from tests.simulation.schedule import SCRIPTS
from tests.simulation.world import EPOCH_S, World

NAMES = {Script(name).sha: name for name in SCRIPTS}

Trigger = Callable[[str, int, str, Any], str]


class Listener(Protocol):
    """A subscription."""

    def hear(self, channel: bytes) -> None: ...

    def cut(self) -> None: ...


class RedisServer:
    """The data, whether it answers, and who listens. ``trigger`` is told of every script before and after it."""

    def __init__(self, world: World, trigger: Trigger) -> None:
        self.world, self._trigger = world, trigger
        self.ahead_s = 0.0  # its clock was set
        self.memory = MemoryRedis(lambda: int((EPOCH_S + world.now_s + self.ahead_s) * 1_000_000))
        self.memory.published = self._publish
        for name in NAMES.values():
            self.memory.load_script(Script(name).text)
        self.is_up = True
        self.subscriptions: list[Listener] = []
        self._backlog: list[Callable[[], None]] | None = None  # while it is frozen
        self._runs: Counter[str] = Counter()

    @property
    def is_frozen(self) -> bool:
        return self._backlog is not None

    def kill(self, for_s: float) -> None:
        """End with everything kept on disk, and be back after ``for_s``."""
        self.is_up, self._backlog = False, None
        self.memory.forget_scripts()
        for subscription in self.subscriptions[:]:
            subscription.cut()
        self.world.after(for_s, self._come_back)

    def freeze(self, for_s: float) -> None:
        if self.is_up and self._backlog is None:
            self._backlog = []
            self.world.after(for_s, self._thaw)

    def arrive(self, work: Callable[[], None]) -> None:
        """Do ``work`` now, or when nobody stands still any more."""
        if self._backlog is None:
            work()
        else:
            self._backlog.append(work)

    def exchange(self, commands: list[tuple[Any, ...]], client: Any, db: int = 0) -> list[Any]:
        """Return the answers to commands of one client. ``redis.ConnectionError``: some may have taken effect."""
        answers: list[Any] = []
        for words in commands:
            name = self._script(words)
            if name:
                self._runs[name] += 1
                self._act(name, "before", client)
            if not self.is_up:
                raise redis.ConnectionError("connection refused")
            try:
                answers.append(self.memory.execute(words, db))
            except redis.ResponseError as error:
                answers.append(error)
            if name:
                self._act(name, "after", client)
        return answers

    def _script(self, words: tuple[Any, ...]) -> str:
        if words[0] == "EVALSHA" and self.memory.knows(words[1]):
            return NAMES.get(words[1], "")
        return ""

    def _act(self, name: str, edge: str, client: Any) -> None:
        if self._trigger(name, self._runs[name], edge, client) == "cut":
            raise redis.ConnectionError("connection cut")

    def _publish(self, channel: bytes, message: bytes) -> int:
        for subscription in self.subscriptions:
            subscription.hear(channel)
        return len(self.subscriptions)

    def _come_back(self) -> None:
        self.is_up = True

    def _thaw(self) -> None:
        backlog, self._backlog = self._backlog, None
        for work in backlog or ():
            work()
