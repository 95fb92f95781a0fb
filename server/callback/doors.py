"""The bots as a callback server knows them: one immutable table, read again when ``bots:version`` has moved."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import redis

from db.bot_config import BotConfig
from db.bots import Bot, BotStore
from db.errors import SaloError, StorageUnavailable
from server.callback.verify import Door

log = logging.getLogger(__name__)

_TRIES_MAX = 5  # of reading all bots while somebody keeps changing them
_REST_S = 0.5  # after a failed reading: those who waited for it fail with it, instead of failing in a row


@dataclass(frozen=True, slots=True)
class DoorTable:
    """All doors by group id, as they were at one version of the bots. -1: never read."""

    version: int
    doors: Mapping[int, Door]


class Doors:
    """Holds the newest table. Many threads read it; one at a time reads the bots."""

    def __init__(self, bots: BotStore, clock: Callable[[], float] = time.monotonic) -> None:
        self._bots, self._clock = bots, clock
        self._table = DoorTable(-1, {})
        self._lock = threading.Lock()
        self._rest_until = float("-inf")

    def table(self) -> DoorTable:
        """Return what is known, reading it when nothing is; ``StorageUnavailable`` when that fails."""
        return self._table if self._table.version >= 0 else self.newer_than(-1)

    def newer_than(self, version: int) -> DoorTable:
        """Return a table read after ``version`` was found old; another thread may have done it already."""
        with self._lock:
            if self._table.version > version:
                return self._table
            if self._clock() < self._rest_until:
                raise StorageUnavailable("the bots could not be read a moment ago")
            try:
                self._table = self._read()
            except StorageUnavailable:
                self._rest_until = self._clock() + _REST_S
                raise
            log.info("bots read version=%d bots=%d", self._table.version, len(self._table.doors))
            return self._table

    def _read(self) -> DoorTable:
        """Read all bots between two equal versions, so that no half of a change is taken for the whole."""
        try:
            for _try in range(_TRIES_MAX):
                version = self._bots.version()
                configs = {bot.name: config for bot, config in self._bots.with_configs()}
                doors = {bot.group_id: _door(bot, configs.get(bot.name)) for bot in self._bots.list()}
                if self._bots.version() == version:
                    return DoorTable(version, doors)
        except (redis.RedisError, SaloError, OSError) as error:
            raise StorageUnavailable(f"the bots cannot be read: {error}") from None
        raise StorageUnavailable("the bots cannot be read: others keep changing them")


def _door(bot: Bot, config: BotConfig | None) -> Door:
    """Return a bot's door; without a config (it does not open) VK is put off, not sent away.

    A disabled bot's door is open too: its events wait in the inbox, whose bound guards it.
    """
    if config is None:
        return Door(bot.name, bot.group_id, None, b"")
    return Door(bot.name, bot.group_id, config.secret.reveal().encode(), config.confirmation.reveal().encode())
