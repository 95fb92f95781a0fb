"""Brings a base's schema up to date: the numbered steps of ``db/migrations``, one host at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from peewee import MySQLDatabase

from db.errors import Refused
from db.texts import _

STEPS = Path(__file__).parent / "migrations"
LOCK_WAIT_S = 60
_HISTORY = """
    CREATE TABLE IF NOT EXISTS schema_migration (
        id INTEGER NOT NULL AUTO_INCREMENT PRIMARY KEY,
        name VARCHAR(255) NOT NULL,
        applied DATETIME NOT NULL,
        UNIQUE KEY schema_migration_name (name)
    ) ENGINE=InnoDB
"""


def migrate(database: MySQLDatabase, directory: Path = STEPS) -> list[str]:
    """Apply the steps that ``database`` (connected) lacks and return their names.

    Safe to repeat after a kill: a step is noted once it is through, and each may run again. ``Refused`` when the
    base is of a newer Salo, or when another host keeps the lock for longer than a minute.
    """
    from playhouse.migrations import Runner  # brings drivers of other databases along: not for every start of a process

    with _lock(database):
        _make_history(database)
        runner = Runner(database, str(directory))
        unknown = [step.name for step in runner.status() if step.path is None]
        if unknown:
            raise Refused(_("base {base} was made by a newer Salo (step {step}); update this one").format(
                base=database.database, step=unknown[-1]))  # fmt: skip
        applied: list[str] = runner.up()
        return applied


@contextmanager
def _lock(database: MySQLDatabase) -> Iterator[None]:
    """Hold MariaDB's lock of this base's schema; it goes with the connection if we die."""
    name = f"{database.database}:schema"
    if _scalar(database, "SELECT GET_LOCK(%s, %s)", name, LOCK_WAIT_S) != 1:
        raise Refused(_("another Salo is changing {base}; try again later").format(base=database.database))
    try:
        yield
    finally:
        _scalar(database, "SELECT RELEASE_LOCK(%s)", name)


def _make_history(database: Any) -> None:
    """Make the table that notes the steps which are through.

    The runner would make it and its key in two statements, and never the key when it was killed in between.
    """
    database.execute_sql(_HISTORY)


def _scalar(database: Any, sql: str, *values: Any) -> Any:
    return database.execute_sql(sql, values).fetchone()[0]
