"""Listeners at work: a service in a thread, a community of the emulator, and an inbox that nobody empties."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis

from db import codec, keys
from db.bots import Bot, BotStore
from db.long_poll import Standing, standing
from db.settings import Settings, load_settings
from server.longpoll.service import Service
from tests.bots import SEALER, add_bot, register_base
from tests.emulation import EmulatorClient
from tests.services import RedisService

GROUP = 101


@dataclass
class ListeningDesk:
    """One bot, ``anna``, whose events come by long poll."""

    settings: Settings
    store: BotStore
    redis_service: RedisService
    client: redis.Redis
    emulator: EmulatorClient
    bot: Bot

    def say(self, text: str, **more: Any) -> Any:
        return self.emulator.say(1, GROUP, text, **more)

    def order(self, **what: Any) -> Any:
        return self.emulator.order("longpoll", {"group_id": GROUP, **what})

    def texts(self) -> list[str]:
        """Return what is in the inbox, oldest first."""
        entries: Any = self.client.xrange(keys.inbox(self.bot.name))
        events = [codec.loads(fields[b"e"]) for _, fields in entries]
        return [event["object"]["message"]["text"] for event in events if event["type"] == "message_new"]

    def standing(self) -> Standing:
        return standing(self.redis_service.client(self.bot.db))

    @contextmanager
    def listening(self, owner: str = "host:longpoll") -> Iterator[Service]:
        """Run a service within the block."""
        stop = threading.Event()
        service = Service(self.settings, self.store, owner, stop)
        thread = threading.Thread(target=service.run)
        thread.start()
        try:
            yield service
        finally:
            stop.set()
            thread.join(15)
            assert not thread.is_alive()


def listening_desk(
    service: RedisService, client: redis.Redis, config: Path, emulator: EmulatorClient, transport: str = "longpoll"
) -> ListeningDesk:
    """Return a desk whose bot is added on both sides; its community has long poll still switched off."""
    with config.open("a") as file:
        file.write(f'[vk]\napi_url = "{emulator.url}"\n')
    settings = load_settings(config)
    store = BotStore(client, settings, SEALER)
    register_base(client)
    add_bot(store, "anna", GROUP)
    bot = store.set_transport("anna", transport)
    emulator.community(GROUP, "token-anna")
    return ListeningDesk(settings, store, service, client, emulator, bot)
