"""The token's limit over two hosts, as VK counts: lanes change hands, workers are stopped, no second has too many."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import redis

from db import keys
from db.bases import BaseStore
from db.links import async_redis_client
from db.models import Answer
from db.settings import Settings, load_settings
from engine.matching.normalise import normalise, phrase_hash
from server.dispatcher.dispatcher import Dispatcher
from server.dispatcher.pool import Pool
from server.dispatcher.sources import ZygoteSource
from tests.db.lanes import BASE, message, put
from tests.emulation import EmulatorClient, running_emulator
from tests.engine.bench import Zygote
from tests.server.lanes import make_bot, until

PEOPLE = 900
BOT = make_bot()
HURT_S = 3.0
TRIED, PATIENCE_S = 20, 30.0  # requests without which the limit was not tried, and how long they may take more


@pytest.fixture(scope="module")
def emulator() -> Iterator[EmulatorClient]:
    """Everybody has written to the bot before. A message takes 60 ms, and VK counts when they are over."""
    with running_emulator() as running:
        bot, config = BOT
        running.community(bot.group_id, config.token.reveal())
        people = range(1, PEOPLE + 1)
        running.order("users", [{"id": one, "first_name": "A", "last_name": "B"} for one in people])
        running.order("say", [{"from_id": one, "group_id": bot.group_id, "text": "hi"} for one in people])
        running.fault(kind="slow", method="messages.send", ms=60, count=0)
        yield running


@asynccontextmanager
async def host(settings: Settings, name: str, folder: Path, told: list[dict[str, Any]]) -> Any:
    """Run one host with real workers, and yield its pool."""
    zygote, source, client = Zygote(settings.source, settings.home, folder / f"{name}.log"), ZygoteSource(), None
    try:
        zygote.control.setblocking(False)
        source.attach(zygote.control)
        client = async_redis_client(settings)
        pool = Pool(source, settings.engine.workers, 10_000)
        pool.start()

        async def load() -> list[Any]:
            return [BOT]

        def on_event(topic: str, event: dict[str, Any]) -> None:
            if topic == "event":
                told.append(event)

        dispatcher = Dispatcher(settings, client, load, pool, name, on_event, dice=random.Random(1))
        await dispatcher.start()
        try:
            yield pool
        finally:
            await dispatcher.drain(1)
            await pool.stop()
    finally:
        if client is not None:
            await client.aclose()
        source.detach()
        await asyncio.to_thread(zygote.stop)


async def hurt(pools: list[Pool], client: redis.Redis, dice: random.Random, requests: Callable[[], int]) -> None:
    """Stop workers for a while, and let the lane change hands, until the limit was tried."""
    end = asyncio.get_running_loop().time() + HURT_S
    while (now := asyncio.get_running_loop().time()) < end or (
        now < end + PATIENCE_S and await asyncio.to_thread(requests) < TRIED
    ):
        stopped = [pid for pool in pools for pid in pool.pids if dice.random() < 0.4]
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        await asyncio.sleep(dice.uniform(0.05, 0.5))
        if dice.random() < 0.4:
            await asyncio.to_thread(client.delete, keys.lease(BOT[0].name))
        for pid in stopped:
            try:
                os.kill(pid, signal.SIGCONT)
            except ProcessLookupError:
                continue  # its lane was lost, and it was killed
        await asyncio.sleep(dice.uniform(0.05, 0.3))


@pytest.mark.parametrize("batch", [1, 25])
def test_no_second_has_too_many_requests_whatever_is_stopped(
    base_store: BaseStore,
    clean_redis: redis.Redis,
    storage_settings: Path,
    emulator: EmulatorClient,
    tmp_path: Path,
    batch: int,
) -> None:
    more = f'[vk]\napi_url = "{emulator.url}"\nbatch = {batch}\n[lanes]\nlease_s = 0.6\n[engine]\nworkers = 3\n'
    storage_settings.write_text(storage_settings.read_text() + more)
    settings = load_settings(storage_settings, {"SALO_HOME": str(tmp_path)})
    settings.state.prepare()
    base_store.create(BASE)
    base = base_store.open(BASE)
    with base.unit():
        Answer.create(rx="hi", rx_norm=normalise("hi"), rx_hash=phrase_hash(normalise("hi")), tx="Hello!")
    base.close()
    for peer_id in range(1, PEOPLE + 1):
        known = {"fi_name": "A", "user_name": "A", "status": "user"}
        clean_redis.hset(keys.person(BASE, "vk", peer_id), mapping=known)
        event = message(peer_id=peer_id, cmid=2 + batch, event_id=f"{batch}-{peer_id}")
        put(clean_redis, event, bot=BOT[0].name)

    def counted() -> int:
        return int(emulator.read("rate")["tokens"].get(str(BOT[0].group_id), {"total": 0})["total"])

    before = counted()
    told: list[dict[str, Any]] = []

    async def scene() -> None:
        async with AsyncExitStack() as stack:
            pools = [await stack.enter_async_context(host(settings, name, tmp_path, told)) for name in ("one", "two")]
            await until(lambda: any(event["step"] == "done" for event in told), timeout_s=20)
            await hurt(pools, clean_redis, random.Random(batch), lambda: counted() - before)

    asyncio.run(scene())
    rate = emulator.read("rate")["tokens"][str(BOT[0].group_id)]
    assert rate["most"] <= 20 and rate["refused"] == 0, rate
    assert rate["total"] - before >= TRIED, "the limit was never tried"
    texts = {(one["peer_id"], one["random_id"]) for one in emulator.sent(limit=5000)}
    assert len(texts) == emulator.read("")["sent"], "each reply is seen once"
