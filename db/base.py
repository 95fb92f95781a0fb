"""The way into one base: pooled connections, units of work, and limits on every query."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from peewee import Database, PeeweeException
from playhouse.pool import MaxConnectionsExceeded, PooledMySQLDatabase

from db.errors import StorageUnavailable
from db.links import TIMEOUT_S, maria_arguments
from db.maria_errors import is_connection_lost, is_not_now
from db.models import MODELS
from db.names import database_name
from db.settings import Settings
from db.texts import _

QUERY_LIMIT_S = 5
CONNECTIONS_MAX = 8  # of one process to one base
IDLE_MAX_S = 300  # age at which a pooled connection is replaced
SILENCE_MIN_S = 10  # within a unit, after which the server takes its host for dead; a longer limit is longer here, too
FORGOTTEN_S = 2 * IDLE_MAX_S  # after which the server closes an idle connection, whose host may be dead
REPEAT_WITHIN_S = 2.0  # of a unit's beginning; what waited for longer has waited long enough
_ANSWER_MARGIN_S = 2  # the server's own limit must come first, since it keeps the connection

log = logging.getLogger(__name__)
T = TypeVar("T")


class Base:
    """One base. Connects lazily; safe to share between threads, not across a fork (``forget_connections``).

    ``limit_s``: how long one statement, or its wait for a lock, may take; a server that says nothing at all is given
    up a little later, and twice that is what a unit may cost when it finds a dead connection in the pool.
    """

    def __init__(
        self,
        name: str,
        settings: Settings,
        limit_s: float = QUERY_LIMIT_S,
        *,
        hurried: bool = False,
        on_outcome: Callable[[bool], None] = lambda is_served: None,
    ) -> None:
        """``hurried``: give a silent server up at the limit itself; its connection is lost then.

        ``on_outcome`` is told of units whether MariaDB served them.
        """
        self._on_outcome = on_outcome
        self.name = name
        self.settings = settings
        self.database = PooledMySQLDatabase(
            database_name(name),
            max_connections=CONNECTIONS_MAX,
            stale_timeout=IDLE_MAX_S,
            timeout=QUERY_LIMIT_S,
            mariadb=True,
            autoconnect=False,
            **connection_arguments(settings, limit_s, 0 if hurried else _ANSWER_MARGIN_S),
        )

    def __repr__(self) -> str:
        return f"Base({self.name!r})"

    @contextmanager
    def unit(self) -> Iterator[None]:
        """Run the block in one transaction on a pooled connection, with all models meaning this base.

        An error rolls everything back. ``StorageUnavailable`` when MariaDB is not there, goes away, or cannot do it
        now: no connection is free, a lock does not come, its disk is full. A unit that was committing may or may not
        have taken effect. A unit within a unit of this base is a savepoint.
        """
        try:
            with _bound(self.database), _connected(self.database), self.database.atomic():
                yield
            self._on_outcome(True)
        except (PeeweeException, MaxConnectionsExceeded) as error:
            if is_not_now(error):
                self._on_outcome(False)
                raise self._unavailable(error) from error
            raise

    def run(self, work: Callable[[], T], tries: int = 3) -> T:
        """Return what ``work`` returns in a unit; run it again when its connection was lost or units collided.

        A lock that did not come within the limit is not waited for twice.
        ``work`` must bear to be run twice, even after a success whose answer was lost: make it an upsert, or let it
        record what it did (``Applied``) in the same unit.
        """
        began_s = time.monotonic()
        for attempt in range(1, tries + 1):
            try:
                with self.unit():
                    return work()
            except StorageUnavailable as error:
                if attempt == tries or time.monotonic() - began_s > REPEAT_WITHIN_S:
                    raise
                log.info("unit repeated base=%s attempt=%d error=%s", self.name, attempt, error)
        raise AssertionError("tries is at least 1")

    def _unavailable(self, error: Exception) -> StorageUnavailable:
        if is_connection_lost(error):
            text = _("MariaDB cannot be reached for base {name}: {reason}")
        else:
            text = _("MariaDB cannot serve base {name} now: {reason}")
        return StorageUnavailable(text.format(name=self.name, reason=error))

    def close(self) -> None:
        """Close all idle connections."""
        self.database.close_idle()

    def forget_connections(self) -> None:
        """Drop all connections without closing them: call this in a forked child, whose parent still uses them."""
        self.database.dispose()


def connection_arguments(settings: Settings, limit_s: float, margin_s: float = _ANSWER_MARGIN_S) -> dict[str, Any]:
    """Return what peewee's databases take, with ``limit_s`` for any statement and any wait for a lock.

    An answer that is late by ``margin_s`` ends the connection. A host that is cut off, frozen or without power closes
    none: what it had locked is free when the server has not heard of it for ``SILENCE_MIN_S``.
    """
    lock_s = max(int(limit_s), 1)
    session = (
        f"SET SESSION max_statement_time={limit_s:g}, innodb_lock_wait_timeout={lock_s}, lock_wait_timeout={lock_s}, "
        f"idle_transaction_timeout={max(lock_s, SILENCE_MIN_S)}, wait_timeout={FORGOTTEN_S}, "
        "time_zone='+00:00', sql_mode='STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'"
    )
    connect_s = min(TIMEOUT_S, limit_s + margin_s)
    return {**maria_arguments(settings, connect_s), "read_timeout": limit_s + margin_s, "init_command": session}


@contextmanager
def opened(database: Database) -> Iterator[None]:
    """Hold one connection; what stops it is told as ``StorageUnavailable``."""
    try:
        with _connected(database):
            yield
    except PeeweeException as error:
        if is_not_now(error):
            raise StorageUnavailable(_("MariaDB cannot be reached: {reason}").format(reason=error)) from error
        raise


@contextmanager
def _bound(database: Database) -> Iterator[None]:
    """Let the models mean ``database`` in this thread, and what they meant before afterwards.

    Peewee's own ``bind_ctx`` would bind them to nothing at the end, which other threads' JSON fields would feel.
    """
    before = [model._meta.database for model in MODELS]
    for model in MODELS:
        model._meta.set_database(database)
    try:
        yield
    finally:
        for model, previous in zip(MODELS, before, strict=True):
            if previous is not None and previous is not database:
                model._meta.set_database(previous)


@contextmanager
def _connected(database: Database) -> Iterator[None]:
    """Take a connection from the pool for this thread, unless an outer unit has."""
    opened = database.connect(reuse_if_open=True)
    try:
        yield
    finally:
        if opened:
            database.close()
