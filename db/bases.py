"""Which bases there are: MariaDB databases of answers, people and history that one or more bots use.

Redis holds the register (hash ``bases``), MariaDB the bases themselves.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import redis
from peewee import MySQLDatabase, PeeweeException, fn

from db import codec, keys
from db.base import QUERY_LIMIT_S, connection_arguments, opened
from db.base import Base as Base
from db.errors import NotFound, Refused, StorageUnavailable
from db.migrate import migrate
from db.models import Answer, Person, Unsolved, UnsolvedStatus
from db.names import checked_name, database_name
from db.scripts import Argument, Script
from db.settings import Settings
from db.texts import _

TITLE_MAX = 200
_DDL_LIMIT_S = 3600
_TRIES_MAX = 20  # of a change that others overtake

_COMMIT = Script("bots_commit")
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BaseInfo:
    """One base as it is registered in Redis."""

    name: str
    title: str = ""
    state: str = "ready"  # or "dropping"
    journal: str = ""  # names this life of the journal, so that a new Redis' entries are not taken for old ones
    created_ms: int = 0
    threshold: float | None = None  # that suit it, for bots without their own; see ``BotConfig``
    suggest_threshold: float | None = None


@dataclass(frozen=True, slots=True)
class BaseCounts:
    """How much is in a base; ``None`` when MariaDB does not tell."""

    answers: int | None
    unsolved: int | None
    people: int | None
    bots: int


# Named here, since within the class ``list`` is the method.
Infos = list[BaseInfo]
InfosAndCounts = list[tuple[BaseInfo, BaseCounts]]
Steps = list[str]
Words = list[Argument]
Names = list[str]


class BaseStore:
    """Makes, lists and drops bases. Safe to share between threads."""

    def __init__(self, client: redis.Redis, settings: Settings) -> None:
        self._redis = client
        self._settings = settings

    def list(self) -> Infos:
        """Return the bases that are ready, by name. Asks Redis alone."""
        return [info for info in self._all().values() if info.state == "ready"]

    def with_counts(self) -> InfosAndCounts:
        """Return the bases with what is in them, and how many bots use each."""
        return [(info, self._counts(info.name)) for info in self.list()]

    def open(self, name: str, limit_s: int = QUERY_LIMIT_S) -> Base:
        """Return the way into a base; ``NotFound`` when it is not registered. ``limit_s`` bounds each statement."""
        checked_name("base", name)
        if name not in {info.name for info in self.list()}:
            raise NotFound(_("there is no base {base}; create it: salo base create {base}").format(base=name))
        return Base(name, self._settings, limit_s)

    def create(self, name: str, title: str = "") -> BaseInfo:
        """Make a base and return it; ``Refused`` when there is one of this name.

        A database of this name that no Redis knows (a restored backup, an interrupted ``create``) is taken over
        with all that is in it.
        """
        checked_name("base", name)
        known = self._all().get(name)
        if known is not None:
            raise Refused(
                _("base {base} exists already").format(base=name)
                if known.state == "ready"
                else _("base {base} is being dropped; finish that first: salo base drop {base}").format(base=name)
            )
        self._make_database(name)
        self.migrate(name)
        info = BaseInfo(name, (title or name)[:TITLE_MAX], "ready", secrets.token_hex(8), int(time.time() * 1000))
        if not self._redis.hsetnx(keys.BASES, name, codec.dumps(asdict(info))):
            raise Refused(_("base {base} exists already").format(base=name))
        return info

    def drop(self, name: str) -> None:
        """Drop a base with everything in it, its journal too; ``Refused`` while bots use it. Does not ask.

        An interrupted drop is finished by the next one; until then no bot can be added to the base.
        """
        checked_name("base", name)
        self._mark_dropping(name)
        with _server(self._settings) as database:
            database.execute_sql(f"DROP DATABASE IF EXISTS `{database_name(name)}`")
        self._redis.delete(keys.journal(name), keys.journal_buried(name), keys.journal_lease(name), keys.delta(name))
        for key in self._redis.scan_iter(match=keys.person(name, "*", "*"), count=1000):
            self._redis.unlink(key)
        self._redis.hdel(keys.BASES, name)

    def set_thresholds(self, name: str, threshold: float | None, suggest_threshold: float | None) -> None:
        """Let bots on a base answer and suggest from these scores; ``None`` is as the settings say. Counts at once."""

        def changed(info: BaseInfo) -> BaseInfo:
            return replace(info, threshold=threshold, suggest_threshold=suggest_threshold)

        self._change(name, changed)

    def migrate(self, name: str) -> Steps:
        """Bring one base's schema up to date and return the steps that were missing."""
        arguments = connection_arguments(self._settings, _DDL_LIMIT_S)
        database = MySQLDatabase(database_name(name), mariadb=True, autoconnect=False, **arguments)
        with opened(database):
            return migrate(database)

    def migrate_all(self) -> dict[str, Steps]:
        """Bring all bases up to date, as a start of the platform does; return the steps each was missing.

        A base that cannot be is left out, with an error in the log: it is of no use, but the others are.
        """
        done: dict[str, Steps] = {}
        for info in self.list():
            try:
                done[info.name] = self.migrate(info.name)
            except (Refused, PeeweeException) as error:
                log.error("base not migrated base=%s error=%s", info.name, error)
        return done

    def _all(self) -> dict[str, BaseInfo]:
        known = {item.name for item in fields(BaseInfo)}
        described = (codec.loads(raw) for raw in self._redis.hgetall(keys.BASES).values())
        infos = (BaseInfo(**{key: value for key, value in raw.items() if key in known}) for raw in described)
        return {info.name: info for info in sorted(infos, key=lambda info: info.name)}

    def _counts(self, name: str) -> BaseCounts:
        base = Base(name, self._settings)
        bots = len(self._users_of(name))
        try:
            with base.unit():
                answers = Answer.select(fn.COUNT(Answer.id)).where(Answer.deleted.is_null()).scalar()
                unsolved = Unsolved.select().where(Unsolved.status == UnsolvedStatus.NEW).count()
                return BaseCounts(answers, unsolved, Person.select().count(), bots)
        except (StorageUnavailable, PeeweeException) as error:
            log.warning("base not counted base=%s error=%s", name, error)
            return BaseCounts(None, None, None, bots)
        finally:
            base.close()

    def _users_of(self, name: str) -> Names:
        bots = (codec.loads(raw) for raw in self._redis.hgetall(keys.BOTS).values())
        return sorted(bot["name"] for bot in bots if bot["base"] == name)

    def _make_database(self, name: str) -> None:
        with _server(self._settings) as database:
            database.execute_sql(
                f"CREATE DATABASE IF NOT EXISTS `{database_name(name)}` "
                f"CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci"
            )

    def _mark_dropping(self, name: str) -> None:
        """Close the base to new bots, unless a bot uses it or is added to it in the same moment."""

        def closed(info: BaseInfo) -> BaseInfo:
            users = self._users_of(name)
            if users:
                raise Refused(_("base {base} is used by {bots}; remove them first").format(
                    base=name, bots=", ".join(users)))  # fmt: skip
            return replace(info, state="dropping")

        self._change(name, closed)

    def _change(self, name: str, change: Callable[[BaseInfo], BaseInfo]) -> None:
        """Change what is registered of a base, as it stands in the moment of the change; all hosts read it anew."""
        for _try in range(_TRIES_MAX):
            version = int(self._redis.get(keys.BOTS_VERSION) or 0)
            info = self._all().get(name)
            if info is None:
                raise NotFound(_("there is no base {base}").format(base=name))
            written = codec.dumps(asdict(change(info)))
            command: Words = [version, keys.BOTS_CHANGED, "", 4, "HSET", keys.BASES, name, written]
            if _COMMIT.run(self._redis, [keys.BOTS_VERSION, ""], command) != b"stale":
                return
        raise Refused(_("others keep changing the bots; try again"))


@contextmanager
def _server(settings: Settings) -> Iterator[Any]:
    """Connect to the server itself, to make and drop databases."""
    arguments = connection_arguments(settings, _DDL_LIMIT_S)
    database = MySQLDatabase("information_schema", mariadb=True, autoconnect=False, **arguments)
    with opened(database):
        yield database
