"""Helpers for tests of the dispatcher: bots without a store, a scripted worker program, and what it did."""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import redis

from db import codec, keys
from db.bot_config import BotConfig
from db.bots import Bot
from db.links import async_redis_client
from db.secret import Secret
from db.settings import Settings, load_settings
from server.dispatcher.dispatcher import Dispatcher
from server.dispatcher.pool import Pool
from server.dispatcher.sources import CommandSource
from tests.db.lanes import BASE
from tests.services import PASSWORD, RedisService

WORKER = Path(__file__).with_name("fake_worker.py")


def lane_settings(service: RedisService, directory: Path, **tables: dict[str, Any]) -> Settings:
    """Return settings for one Redis, with ``tables`` over the defaults: lanes={"attempts": 2}."""
    password = directory / "password"
    password.write_text(PASSWORD)
    storage = {"redis": service.url, "redis_password_file": str(password)}
    lines = []
    for table, values in {"storage": storage, **tables}.items():
        lines += [f"[{table}]", *(f"{key} = {codec.dumps(value).decode()}" for key, value in values.items())]
    config = directory / "salo.toml"
    config.write_text("\n".join(lines))
    return load_settings(config, {"SALO_HOME": str(directory)})


def make_bot(number: int = 0, **changes: Any) -> tuple[Bot, BotConfig]:
    """Return bot ``b<number>`` with a database of its own."""
    bot = Bot(f"b{number}", number + 1, 100 + number, BASE, 3 + number, True, "title", "")
    config = BotConfig(1, Secret("token-of-the-bot"), Secret("s"), Secret("c"))
    own = {key: value for key, value in changes.items() if hasattr(bot, key)}
    other = {key: value for key, value in changes.items() if key not in own}
    return replace(bot, **own), replace(config, **other)


@dataclass
class Deed:
    """One line of a worker's file."""

    what: str
    bot: str
    peer_id: int
    event_id: str
    attempt: int
    at_ns: int


@dataclass
class Host:
    """A running dispatcher with its pool, and everything it told."""

    dispatcher: Dispatcher
    pool: Pool
    bots: list[tuple[Bot, BotConfig]]
    events: list[dict[str, Any]]
    log: Path

    def deeds(self, what: str) -> list[Deed]:
        return read_deeds(self.log, what)

    def steps(self, step: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["step"] == step]


def read_deeds(log: Path, what: str) -> list[Deed]:
    found = []
    for line in log.read_text().splitlines() if log.exists() else []:
        words = line.split()
        if words[0] == what:
            found.append(Deed(words[0], words[1], int(words[2]), words[3], int(words[4]), int(words[5])))
    return found


def worker_source(log: Path, words: Iterable[str] = ()) -> CommandSource:
    env = {"PATH": os.defpath, "LANG": "C.UTF-8"}
    return CommandSource([sys.executable, "-I", "-S", str(WORKER), str(log), *words], env)


@asynccontextmanager
async def running(
    settings: Settings,
    bots: Iterable[tuple[Bot, BotConfig]],
    host_id: str = "here",
    words: Iterable[str] = (),
    **more: Any,
) -> AsyncIterator[Host]:
    """Run a dispatcher over a list of bots, which a test may change and then publish. ``words`` go to each worker."""
    known, events = list(bots), []
    log = settings.home / "deeds"

    async def load() -> list[tuple[Bot, BotConfig]]:
        return list(known)

    def on_event(topic: str, told: dict[str, Any]) -> None:
        if topic == "event":
            events.append(told)

    client = async_redis_client(settings)
    pool = Pool(worker_source(log, words=words), settings.engine.workers, settings.engine.jobs_per_worker)
    pool.start()
    dispatcher = Dispatcher(settings, client, load, pool, host_id, on_event, dice=random.Random(1), **more)
    await dispatcher.start()
    try:
        yield Host(dispatcher, pool, known, events, log)
    finally:
        await dispatcher.drain(5)
        await pool.stop()
        await client.aclose()


async def until(condition: Callable[[], object], timeout_s: float = 10.0) -> None:
    """Return as soon as ``condition`` holds; fail the test after ``timeout_s``."""
    end = asyncio.get_running_loop().time() + timeout_s
    while not condition():
        if asyncio.get_running_loop().time() > end:
            raise AssertionError(f"not within {timeout_s} s: {getattr(condition, '__doc__', None) or condition}")
        await asyncio.sleep(0.005)


def journal_rows(client: redis.Redis, base: str = BASE) -> list[dict[str, Any]]:
    entries: Any = client.xrange(keys.journal(base))
    return [row for _, fields in entries for row in codec.loads(fields[b"ops"])]


def rows_by_event(client: redis.Redis, op: str = "history") -> dict[str, int]:
    """Return how many rows of a kind each event has."""
    counts: dict[str, int] = defaultdict(int)
    for row in journal_rows(client):
        if row["op"] == op:
            counts[row["event_id"]] += 1
    return dict(counts)
