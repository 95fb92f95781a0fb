"""Counts that only the storage knows: dead letters, and each bot's unsolved phrases. Asked for while somebody looks.

Nothing waits for them: Redis is asked by a client of its own, MariaDB in a thread of its own, both with a limit, and
the snapshot takes what was told last.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import redis.asyncio
from peewee import MySQLDatabase, PeeweeException
from redis.exceptions import RedisError

from db import keys
from db.base import connection_arguments, opened
from db.bots import Bot
from db.errors import SaloError
from db.links import async_redis_client
from db.models import UnsolvedStatus
from db.names import database_name
from db.settings import Settings

DEAD_EVERY_S, UNSOLVED_EVERY_S = 1.0, 2.0
LOOKED_AT_S = 10.0  # after somebody asked for a snapshot
REDIS_LIMIT_S, MARIA_LIMIT_S = 1.0, 2.0
FRESH_S = 3.0  # an older count is waited for by those who wait at all,
FRESH_LIMIT_S = 1.0  # but no longer than this

log = logging.getLogger(__name__)


class Gauges:
    """Holds the counts that were told last, and refreshes them. Belongs to the platform's loop."""

    def __init__(self, settings: Settings, bots: Callable[[], Iterable[Bot]], is_watched: Callable[[], bool]) -> None:
        """``bots`` are those to count for; ``is_watched`` says whether somebody is subscribed."""
        self._settings = settings
        self._bots, self._is_watched = bots, is_watched
        self._redis: redis.asyncio.Redis | None = None  # not yet: an embedded one has no password before its start
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="gauges")
        self._counting: asyncio.Future[dict[int, int]] | None = None
        self._asked_s = self._dead_s = self._unsolved_s = float("-inf")
        self._look, self._refreshed = asyncio.Event(), asyncio.Event()
        self._unsolved: dict[int, int] = {}  # by bot_id; of those alone of which MariaDB told
        self.dead = 0

    def unsolved(self, bot: Bot) -> int | None:
        """Return how many phrases of a bot wait for an answer; None while MariaDB does not tell."""
        return self._unsolved.get(bot.bot_id)

    def asked(self) -> None:
        """Note that somebody looks: the counts are kept fresh for a while."""
        self._asked_s = time.monotonic()
        self._look.set()

    async def fresh(self) -> None:
        """Return when the counts are fresh, or after a second."""
        self.asked()
        with suppress(TimeoutError):
            async with asyncio.timeout(FRESH_LIMIT_S):
                while min(self._dead_s, self._unsolved_s) < time.monotonic() - FRESH_S:
                    self._refreshed.clear()
                    await self._refreshed.wait()

    async def run(self) -> None:
        """Count until cancelled: once at first, then while somebody looks."""
        self._redis = async_redis_client(self._settings)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._keep(self._count_dead, DEAD_EVERY_S))
                group.create_task(self._keep(self._count_unsolved, UNSOLVED_EVERY_S))
        finally:
            self._executor.shutdown(wait=False, cancel_futures=True)
            await self._redis.aclose()

    async def _keep(self, refresh: Callable[[], Awaitable[None]], every_s: float) -> None:
        while True:
            try:
                await refresh()
            except Exception:
                log.exception("not counted")
            self._refreshed.set()
            await asyncio.sleep(every_s)
            while not self._is_watched() and time.monotonic() - self._asked_s > LOOKED_AT_S:
                self._look.clear()
                await self._look.wait()

    async def _count_dead(self) -> None:
        """Count dead letters; when Redis does not answer, the last count stays, and its lamp says why."""
        assert self._redis is not None
        with suppress(RedisError, OSError, TimeoutError):
            async with asyncio.timeout(REDIS_LIMIT_S):
                self.dead = int(await self._redis.xlen(keys.DEAD))
        self._dead_s = time.monotonic()

    async def _count_unsolved(self) -> None:
        """Count unsolved phrases; a count that hangs is waited for no longer, and no other is begun beside it."""
        if self._counting is None:
            bots = [(bot.base, bot.bot_id) for bot in self._bots()]
            loop = asyncio.get_running_loop()
            self._counting = loop.run_in_executor(self._executor, count_unsolved, self._settings, bots)
        await asyncio.wait({self._counting}, timeout=MARIA_LIMIT_S)
        self._unsolved = {}
        if self._counting.done():
            counting, self._counting = self._counting, None
            self._unsolved = counting.result()
        self._unsolved_s = time.monotonic()


def count_unsolved(settings: Settings, bots: Sequence[tuple[str, int]]) -> dict[int, int]:
    """Return how many phrases of each ``(base, bot_id)`` wait, by bot_id. Blocks.

    What MariaDB does not tell is left out: a base without its tables, or all when it cannot be reached.
    """
    bots_of: dict[str, list[int]] = defaultdict(list)
    for base, bot_id in bots:
        bots_of[base].append(bot_id)
    counts: dict[int, int] = {}
    arguments = connection_arguments(settings, int(MARIA_LIMIT_S))
    database = MySQLDatabase("information_schema", mariadb=True, autoconnect=False, **arguments)
    try:
        with opened(database):
            for base, bot_ids in bots_of.items():
                with suppress(PeeweeException):
                    counts |= _of_base(database, base, bot_ids)
    except (SaloError, PeeweeException) as error:
        log.debug("unsolved not counted error=%s", error)
    return counts


def _of_base(database: Any, base: str, bot_ids: Sequence[int]) -> dict[int, int]:
    """Count by the index over bot and status, which holds all that is asked."""
    waiting = (UnsolvedStatus.NEW.value, UnsolvedStatus.ASSIGNED.value)
    marks = ", ".join(["%s"] * len(bot_ids))
    query = (
        f"SELECT bot_id, COUNT(*) FROM `{database_name(base)}`.unsolved "  # noqa: S608, a checked name
        f"WHERE bot_id IN ({marks}) AND status IN (%s, %s) GROUP BY bot_id"
    )
    found = database.execute_sql(query, (*bot_ids, *waiting)).fetchall()
    return {**dict.fromkeys(bot_ids, 0), **{int(bot_id): int(count) for bot_id, count in found}}
