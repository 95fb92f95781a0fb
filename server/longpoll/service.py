"""Which listeners there are: one for each bot that is to be listened for and whose lease this host has."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass

import redis

from db import keys
from db.bot_config import BotConfig
from db.bots import Bot, BotStore
from db.errors import SaloError
from db.links import redis_client
from db.long_poll import Place
from db.scripts import Script
from db.settings import Settings
from server.callback.wire import Wire
from server.longpoll.calls import BotCalls
from server.longpoll.keeping import Keeping
from server.longpoll.listener import Listener
from server.longpoll.session import ANSWER_S

LEASE_S = 10.0
LOOK_EVERY_S = 1.0
STUCK_S = ANSWER_S + 25.0  # without any answer or error, though a poll has a time limit
STUCK_MAX = 8  # threads that cannot be ended; then the whole process begins anew

_TAKE, _RELEASE = Script("lease_take"), Script("lease_release")
log = logging.getLogger(__name__)


class TooManyStuck(SaloError):
    """Threads hang that nobody can end: the process has to."""


@dataclass(frozen=True, slots=True)
class _Running:
    bot: Bot
    token: str
    listener: Listener


class Service:
    """Keeps the listeners until ``stop`` is set. ``owner`` goes into the leases: one service a host."""

    def __init__(self, settings: Settings, bots: BotStore, owner: str, stop: threading.Event) -> None:
        self._settings, self._bots, self._owner, self._stop = settings, bots, owner, stop
        self._redis = redis_client(settings)
        self._keeping = Keeping(Wire(settings), settings.callback.inbox_max)
        self._running: dict[str, _Running] = {}
        self._ours_until_s = float("-inf")  # by the last renewal that was sent and answered
        self._ours: frozenset[str] = frozenset()
        self._stuck = 0

    def run(self) -> None:
        """Work until ``stop`` is set; then give the leases back. Raises ``TooManyStuck``."""
        while not self._stop.is_set():
            try:
                self._look()
            except (redis.RedisError, OSError) as error:
                log.warning("storage cannot be reached error=%s", error)
            except TooManyStuck:
                raise
            except SaloError as error:
                log.warning("bots cannot be read error=%s", error)
            self._stop.wait(LOOK_EVERY_S)
        for running in self._running.values():
            running.listener.stop()
        self._release()

    def _look(self) -> None:
        wanted = {bot.name: (bot, config) for bot, config in self._bots.with_configs() if bot.is_listened_for}
        self._hold(list(wanted))
        for name, running in list(self._running.items()):
            if self._is_over(running, wanted.get(name)) or self._is_stuck(running.listener):
                running.listener.stop()
                del self._running[name]
        for name, (bot, config) in wanted.items():
            if name in self._ours and name not in self._running:
                self._running[name] = self._begin(bot, config)

    def _hold(self, names: list[str]) -> None:
        """Take or prolong the leases of these bots."""
        sent_s = time.monotonic()
        leases = [keys.long_poll_lease(name) for name in names]
        words: list[str | int] = [int(LEASE_S * 1000), len(leases), *[self._owner] * len(leases)]
        took = _TAKE.run(self._redis, leases, words) if leases else []
        self._ours = frozenset(name for name, is_ours in zip(names, took, strict=True) if is_ours)
        self._ours_until_s = sent_s + LEASE_S

    def _is_ours(self, name: str) -> bool:
        return name in self._ours and time.monotonic() < self._ours_until_s

    def _is_over(self, running: _Running, now: tuple[Bot, BotConfig] | None) -> bool:
        """Say whether a listener is to end: its bot is not listened for here, or is another one now."""
        if now is None or running.bot.name not in self._ours or not running.listener.is_alive:
            return True
        bot, config = now
        same = (bot.bot_id, bot.group_id, bot.db) == (running.bot.bot_id, running.bot.group_id, running.bot.db)
        return not same or config.token.reveal() != running.token

    def _is_stuck(self, listener: Listener) -> bool:
        if time.monotonic() - listener.answered_s < STUCK_S:
            return False
        self._stuck += 1
        log.error("listener is stuck bot=%s count=%d", listener.bot.name, self._stuck)
        if self._stuck > STUCK_MAX:
            raise TooManyStuck(f"{self._stuck} listeners are stuck")
        return True

    def _begin(self, bot: Bot, config: BotConfig) -> _Running:
        own = redis_client(self._settings, bot.db)
        lease = (keys.long_poll_lease(bot.name), self._owner)
        calls = BotCalls(self._settings, self._redis, bot, config.token, lease)
        name = bot.name
        listener = Listener(bot, calls, Place(own), self._keeping, lambda: self._is_ours(name))
        listener.start()
        log.info("listener started bot=%s", name)
        return _Running(bot, config.token.reveal(), listener)

    def _release(self) -> None:
        """Let other hosts go on at once. Without an answer the leases run out by themselves."""
        leases = [keys.long_poll_lease(name) for name in self._ours]
        if leases:
            try:
                _RELEASE.run(self._redis, leases, [keys.LEASES_RELEASED, *[self._owner] * len(leases)])
            except (redis.RedisError, OSError) as error:
                log.warning("leases not released error=%s", error)
