"""The dispatcher's subscription: what was accepted, which bots changed, which leases are free.

Messages are hints. Pub/sub may lose them, so every new connection is told of, and the lanes then read all again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import redis.asyncio
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from db import keys

QUIET_S = 5.0  # after which the connection is pinged
QUIET_MOST = 2  # silences in a row after which it counts as broken
PAUSE_S = 0.05  # before connecting again
CHANNELS = (keys.BOTS_CHANGED, keys.LEASES_RELEASED)

log = logging.getLogger(__name__)


class Wakes:
    """Calls ``on_message`` with each message's channel, and ``on_connect`` when a new subscription is in force."""

    def __init__(
        self, client: redis.asyncio.Redis, on_message: Callable[[str], None], on_connect: Callable[[], None]
    ) -> None:
        self._client = client
        self._on_message = on_message
        self._on_connect = on_connect

    async def listen(self) -> None:
        """Listen for ever, over as many connections as it takes."""
        is_told = False
        while True:
            try:
                async with self._client.pubsub() as subscription:
                    await subscription.psubscribe(f"{keys.WAKE_PREFIX}*")
                    await subscription.subscribe(*CHANNELS)
                    is_told = False
                    await self._listen(subscription)
            except (RedisError, OSError) as error:
                if not is_told:
                    log.warning("wake-ups are lost until Redis is back reason=%s", error)
                is_told = True
            await asyncio.sleep(PAUSE_S)

    async def _listen(self, subscription: PubSub) -> None:
        to_confirm, silences = 1 + len(CHANNELS), 0
        while True:
            message = await subscription.get_message(timeout=QUIET_S)
            silences = 0 if message else silences + 1
            if silences > QUIET_MOST:
                raise redis.ConnectionError("no answer to a ping")
            if message is None:
                await subscription.ping()
            elif message["type"] in ("message", "pmessage"):
                self._on_message(message["channel"].decode())
            elif message["type"] in ("subscribe", "psubscribe"):
                to_confirm -= 1
                if to_confirm == 0:
                    self._on_connect()
