"""The ways to the virtual redis-server: what redis-py is to our code, for a loop and for a process that blocks.

An exchange may break before its effect or after it: for whoever sent it the outcome is unknown.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

import redis

from db.links import TIMEOUT_S
from tests.simulation.green import GreenProcess
from tests.simulation.loop import VirtualLoop
from tests.simulation.server import NAMES, RedisServer


class Road:
    """How long a host's words take to Redis and back, and whether they reach it at all."""

    def __init__(self, server: RedisServer, dice: random.Random, host: Any = None, *, is_calm: bool = False) -> None:
        self.server, self.host, self._is_calm = server, host, is_calm
        self.is_open = True
        self._dice = dice

    def delay_s(self) -> float:
        """Return the time of one way: mostly short, now and then as long as a lease."""
        luck = self._dice.random()
        return 0.0002 + luck * 0.002 if luck < 0.95 or self._is_calm else (luck - 0.95) * 10

    def exchange(self, commands: list[tuple[Any, ...]], db: int = 0) -> list[Any]:
        if not self.is_open:
            raise redis.ConnectionError("no route")
        return self.server.exchange(commands, self.host, db)


class AsyncClient:
    """What the dispatcher takes for ``redis.asyncio.Redis``: pipelines and subscriptions of one process."""

    def __init__(self, road: Road, loop: VirtualLoop) -> None:
        self.road, self.loop = road, loop

    def pipeline(self, transaction: bool) -> Pipeline:
        assert not transaction
        return Pipeline(self)

    def pubsub(self) -> Subscription:
        return Subscription(self)

    async def aclose(self) -> None:
        return

    async def roundtrip(self, commands: list[tuple[Any, ...]]) -> list[Any]:
        answer: asyncio.Future[list[Any]] = self.loop.create_future()
        self.road.server.world.after(self.road.delay_s(), self._arrive, commands, answer)
        return await answer

    def _arrive(self, commands: list[tuple[Any, ...]], answer: asyncio.Future[list[Any]]) -> None:
        if self.road.server.is_frozen:
            self.loop.call_soon(self._lose_patience, answer)
        self.road.server.arrive(partial(self._take, commands, answer))

    def _take(self, commands: list[tuple[Any, ...]], answer: asyncio.Future[list[Any]]) -> None:
        try:
            answers = self.road.exchange(commands)
        except redis.ConnectionError as error:
            self.loop.call_soon(_fail, answer, error)
        else:
            self.loop.come(self.road.delay_s(), _answer, answer, answers)

    def _lose_patience(self, answer: asyncio.Future[list[Any]]) -> None:
        self.loop.call_later(TIMEOUT_S, _fail, answer, redis.TimeoutError("no answer"))


class Pipeline:
    """Commands that go out together."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client
        self._commands: list[tuple[Any, ...]] = []

    def execute_command(self, *words: Any) -> None:
        self._commands.append(words)

    async def execute(self, raise_on_error: bool) -> list[Any]:
        assert not raise_on_error
        return await self._client.roundtrip(self._commands)


class Subscription:
    """One connection that listens to all channels; what it did not hear is lost with it."""

    def __init__(self, client: AsyncClient) -> None:
        self._road, self._loop = client.road, client.loop
        self._server = client.road.server
        self._heard: deque[dict[str, Any]] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._is_cut = False

    async def __aenter__(self) -> Subscription:
        return self

    async def __aexit__(self, *error: object) -> None:
        if self in self._server.subscriptions:
            self._server.subscriptions.remove(self)

    async def psubscribe(self, *patterns: str) -> None:
        await self._ask(lambda: [self._tell({"type": "psubscribe"}) for _ in patterns])

    async def subscribe(self, *channels: str) -> None:
        await self._ask(self._enter, lambda: [self._tell({"type": "subscribe"}) for _ in channels])

    async def ping(self) -> None:
        await self._ask(lambda: self._tell({"type": "pong"}))

    async def get_message(self, timeout: float) -> dict[str, Any] | None:
        if not self._heard and not self._is_cut:
            self._waiter = self._loop.create_future()
            timer = self._loop.call_later(timeout, _answer, self._waiter, None)
            try:
                await self._waiter
            finally:
                timer.cancel()
        if self._heard:
            return self._heard.popleft()
        if self._is_cut:
            raise redis.ConnectionError("connection cut")
        return None

    def hear(self, channel: bytes) -> None:
        self._server.world.after(self._road.delay_s(), self._tell, {"type": "message", "channel": channel})

    def is_of(self, road: Road) -> bool:
        return road is self._road

    def cut(self) -> None:
        self._is_cut = True
        if self in self._server.subscriptions:
            self._server.subscriptions.remove(self)
        self._wake()

    async def _ask(self, *effects: Callable[[], object]) -> None:
        """Send something. Its answer comes by ``get_message``."""
        sent = self._loop.create_future()
        self._server.world.after(self._road.delay_s(), self._server.arrive, partial(self._take, effects))
        self._loop.call_later(self._road.delay_s(), _answer, sent, None)
        await sent

    def _take(self, effects: tuple[Callable[[], object], ...]) -> None:
        if not self._server.is_up or not self._road.is_open or self._is_cut:
            self.cut()
            return
        for effect in effects:
            effect()

    def _enter(self) -> None:
        self._server.subscriptions.append(self)

    def _tell(self, message: dict[str, Any]) -> None:
        if not self._is_cut:
            self._heard.append(message)
            self._wake()

    def _wake(self) -> None:
        if self._waiter is not None:
            self._loop.call_soon(_answer, self._waiter, None)


class SyncClient:
    """What a process that blocks takes for ``redis.Redis``."""

    def __init__(
        self, road: Road, process: GreenProcess, step: Callable[[str], object] = lambda step: None, db: int = 0
    ) -> None:
        self._road, self._process, self._step, self._db = road, process, step, db

    def evalsha(self, sha: str, count: int, *words: Any) -> Any:
        if NAMES.get(sha) != "mark_begin":
            return self._one(("EVALSHA", sha, count, *words))
        self._step("mark")
        answer = self._one(("EVALSHA", sha, count, *words))
        self._step("marked")
        return answer

    def pipeline(self, transaction: bool) -> _Pipeline:
        assert not transaction
        return _Pipeline(self)

    def ask_all(self, commands: list[tuple[Any, ...]]) -> list[Any]:
        """Return the answers to several scripts that write marks, sent as one."""
        self._step("mark")
        answers = self._ask(*commands)
        self._step("marked")
        return answers

    def eval(self, text: str, count: int, *words: Any) -> Any:
        return self._one(("EVAL", text, count, *words))

    def get(self, key: str) -> Any:
        return self._one(("GET", key))

    def set(self, key: str, value: str, px: int) -> Any:
        return self._one(("SET", key, value, "PX", px))

    def delete(self, key: str) -> Any:
        return self._one(("DEL", key))

    def xrange(self, key: str, low: str, high: str, count: int) -> Any:
        return self._one(("XRANGE", key, low, high, "COUNT", count))

    def _one(self, words: tuple[Any, ...]) -> Any:
        answer = self._ask(words)[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _ask(self, *commands: tuple[Any, ...]) -> list[Any]:
        self._process.sleep(self._road.delay_s())
        waited_s = 0.0
        while self._road.server.is_frozen:
            if waited_s >= TIMEOUT_S:
                raise redis.TimeoutError("no answer")
            self._process.sleep(0.1)
            waited_s += 0.1
        answers = self._road.exchange(list(commands), self._db)
        self._process.sleep(self._road.delay_s())
        return answers


class _Pipeline:
    """Scripts that are sent together."""

    def __init__(self, client: SyncClient) -> None:
        self._client = client
        self._commands: list[tuple[Any, ...]] = []

    def evalsha(self, sha: str, count: int, *words: Any) -> None:
        self._commands.append(("EVALSHA", sha, count, *words))

    def execute(self, raise_on_error: bool) -> list[Any]:
        assert not raise_on_error
        return self._client.ask_all(self._commands)


def _answer(future: asyncio.Future[Any], value: Any) -> None:
    if not future.done():
        future.set_result(value)


def _fail(future: asyncio.Future[Any], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
