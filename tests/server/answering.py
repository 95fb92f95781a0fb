"""A dispatcher with real engine workers against a VK on the desk: bots that answer, and what people saw of it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import redis

from db import keys
from db.bot_config import BotConfig
from db.bots import Bot
from db.links import async_redis_client
from db.secret import Secret
from server.dispatcher.dispatcher import Dispatcher
from server.dispatcher.pauses import Rules
from server.dispatcher.pool import Pool
from server.dispatcher.sources import ZygoteSource
from tests.db.lanes import message, put
from tests.emulation import EmulatorClient
from tests.engine.bench import Bench

QUICK = Rules(scale=0.02)  # a minute is 1.2 s
FIRST_GROUP = 500


@dataclass
class Answering:
    """A running dispatcher. ``events`` are the steps of messages, ``told`` what was told of bots."""

    dispatcher: Dispatcher
    bots: list[tuple[Bot, BotConfig]]
    events: list[dict[str, Any]] = field(default_factory=list)
    told: list[dict[str, Any]] = field(default_factory=list)

    def steps(self, bot: str, *kinds: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["bot"] == bot and (not kinds or event["step"] in kinds)]

    def pauses(self, bot: str) -> set[str]:
        """Return the kinds of all pauses that a bot ever had."""
        return {one["pause"]["kind"] for one in self.told if one["bot"] == bot and "pause" in one}

    def rests(self, bot: str) -> list[str]:
        """Return what a bot rests for now."""
        return [pause.kind for pause in self.dispatcher.lanes()[bot].pauses if pause.shuts]


def make_bot(emulator: EmulatorClient, bench: Bench, number: int, token: str = "") -> tuple[Bot, BotConfig]:
    """Return bot ``v<number>``, which the emulator knows."""
    group_id, token = FIRST_GROUP + number, token or f"token-of-{number}"
    emulator.community(group_id, token)
    bot = Bot(f"v{number}", number + 1, group_id, bench.base, 20 + number, True, "Анна", "")
    return bot, BotConfig(1, Secret(token), Secret("s"), Secret("c"), names=("Анна",))


def with_token(bot: tuple[Bot, BotConfig], token: str) -> tuple[Bot, BotConfig]:
    return bot[0], replace(bot[1], version=bot[1].version + 1, token=Secret(token))


def say(
    client: redis.Redis,
    emulator: EmulatorClient,
    bot: Bot,
    text: str,
    peer_id: int = 11,
    *,
    chat: int = 0,
    age_s: int = 0,
) -> str:
    """Let somebody write to a bot, and put the event where the callback server does. Returns its id."""
    said = emulator.say(peer_id, bot.group_id, text, **({"peer": chat} if chat else {}))
    event = message(said["peer_id"], said["conversation_message_id"], text, said["event_id"], age_s)
    event["object"]["message"]["from_id"] = peer_id
    put(client, event, bot.name)
    return str(said["event_id"])


def publish(client: redis.Redis) -> None:
    """Tell the dispatcher that bots changed."""
    client.incr(keys.BOTS_VERSION)
    client.publish(keys.BOTS_CHANGED, "")


@asynccontextmanager
async def answering(
    bench: Bench, bots: Iterable[tuple[Bot, BotConfig]], rules: Rules = QUICK, host_id: str = "here"
) -> AsyncIterator[Answering]:
    """Run a dispatcher whose workers are forked by the bench's zygote."""
    known = list(bots)

    async def load() -> list[tuple[Bot, BotConfig]]:
        return list(known)

    def on_event(topic: str, told: dict[str, Any]) -> None:
        (scene.events if topic == "event" else scene.told).append(told)

    settings, source = bench.settings, ZygoteSource()
    source.attach(bench.zygote.control.dup())
    client = async_redis_client(settings)
    pool = Pool(source, settings.engine.workers, settings.engine.jobs_per_worker)
    pool.start()
    dispatcher = Dispatcher(settings, client, load, pool, host_id, on_event, dice=random.Random(1), rules=rules)
    scene = Answering(dispatcher, known)
    await dispatcher.start()
    try:
        yield scene
    finally:
        await dispatcher.drain(5)
        await pool.stop()
        await client.aclose()
        source.detach()


async def until(condition: Callable[[], object], timeout_s: float = 30.0) -> None:
    """Return as soon as ``condition`` holds; fail the test after ``timeout_s``."""
    end = asyncio.get_running_loop().time() + timeout_s
    while not condition():
        assert asyncio.get_running_loop().time() < end, f"not within {timeout_s} s"
        await asyncio.sleep(0.01)
