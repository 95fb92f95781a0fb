"""What a platform command may use: the storage, opened at first need, the running platform, and who asks."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Protocol

from redis import Redis

from db import key_witness
from db.base import Base
from db.bases import BaseStore
from db.bots import BotStore
from db.links import redis_client
from db.protocol import PlatformSnapshot, TickerInfo
from db.seal import Sealer
from db.settings import Settings
from db.texts import _
from engine.commands.declare import Face
from engine.commands.errors import NotAllowed, PlatformDown
from engine.commands.roles import Role

if TYPE_CHECKING:
    from engine.matching.library import Library


class PlatformView(Protocol):
    """All that commands may ask of the running platform, called in its loop's thread."""

    def snapshot(self) -> PlatformSnapshot:
        """Return how everything is, at once."""
        ...

    def measure(self) -> Awaitable[None] | None:
        """Return when what the storage counts for the snapshot is fresh, or after a second."""
        ...

    def wait_storage(self) -> Awaitable[None] | None:
        """Return when Redis and MariaDB are up and their schema is: a platform that starts answers before that."""
        ...

    def request_stop(self, by: str) -> None:
        """Begin to stop, and return before it is done. ``by`` is told to all terminals."""
        ...

    def restart(self, name: str) -> Awaitable[None] | None:
        """Restart one process; ``SaloError`` when there is none of this name."""
        ...

    def run_ticker(self, name: str, bot: str) -> Awaitable[list[TickerInfo]] | list[TickerInfo]:
        """Let a ticker tick now, and return how it is after that; ``bot`` empty: that of each bot."""
        ...

    def pause_ticker(self, name: str, bot: str, is_paused: bool) -> Awaitable[list[TickerInfo]] | list[TickerInfo]:
        """Pause a ticker, or let it go on, and return how it is."""
        ...


@dataclass(frozen=True, slots=True)
class Actor:
    """Who runs a command, where, and with which rights. ``bot``: asked in its chat, so only what belongs to it."""

    role: Role
    face: Face
    who: str
    bot: str = ""


class Resources:
    """The storage as commands use it, shared by all of them; each part is opened by whoever needs it first."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._lock = threading.RLock()
        self._redis: Redis | None = None
        self._bots: BotStore | None = None
        self._bases: BaseStore | None = None
        self._library: Library | None = None
        self._library_lock = threading.Lock()  # it is not for two threads, and a search is short

    @property
    def redis(self) -> Redis:
        """A client of database 0."""
        with self._lock:
            if self._redis is None:
                self._redis = redis_client(self.settings)
            return self._redis

    @property
    def bots(self) -> BotStore:
        with self._lock:
            if self._bots is None:
                self.settings.state.prepare()  # with external storage nobody else has made a place for the key
                key = self.settings.state.key
                sealer = Sealer.from_file(key)
                bots = BotStore(self.redis, self.settings, sealer)
                key_witness.require(self.redis, sealer, bots.opens, key)
                self._bots = bots
            return self._bots

    @property
    def bases(self) -> BaseStore:
        with self._lock:
            if self._bases is None:
                self._bases = BaseStore(self.redis, self.settings)
            return self._bases

    @contextmanager
    def library(self) -> Iterator[Library]:
        """Give the indexes of the bases, to one command at a time."""
        from engine.matching.library import Library  # numpy takes its time, and few commands need it

        with self._library_lock:
            if self._library is None:
                self._library = Library(self.redis, cache(lambda name: Base(name, self.settings)), self.settings.state)
            yield self._library

    def close(self) -> None:
        """Close what was opened."""
        with self._lock:
            if self._redis is not None:
                self._redis.close()
            self._redis = self._bots = self._bases = self._library = None


Progress = Callable[[int, int | None], None]  # done, of how many


@dataclass(frozen=True, slots=True)
class PlatformContext:
    """What one run of a command may use."""

    resources: Resources
    actor: Actor
    platform: PlatformView | None = None
    progress: Progress | None = None  # told how far a long command is, where somebody watches

    @property
    def settings(self) -> Settings:
        return self.resources.settings

    @property
    def redis(self) -> Redis:
        return self.resources.redis

    @property
    def bots(self) -> BotStore:
        return self.resources.bots

    @property
    def bases(self) -> BaseStore:
        return self.resources.bases

    def running(self) -> PlatformView:
        """Return the platform; ``PlatformDown`` when none runs here."""
        if self.platform is None:
            raise PlatformDown(_("no platform runs on {home}; start it: salo run").format(home=self.settings.home))
        return self.platform

    def check_bot(self, bot: str) -> None:
        """Raise ``NotAllowed`` when this actor may not see what belongs to ``bot``."""
        if self.actor.bot and bot != self.actor.bot:
            raise NotAllowed(_("this belongs to another bot"))
