"""Brings a base's schema up to date: the numbered steps of ``db/migrations``, one host at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from peewee import MySQLDatabase
from playhouse.migrations import Runner

from db.errors import Refused
from db.texts import _

STEPS = Path(__file__).parent / "migrations"
LOCK_WAIT_S = 60


def migrate(database: MySQLDatabase, directory: Path = STEPS) -> list[str]:
    """Apply the steps that ``database`` (connected) lacks and return their names.

    Safe to repeat after a kill: a step is noted once it is through, and each may run again. ``Refused`` when the
    base is of a newer Salo, or when another host keeps the lock for longer than a minute.
    """
    with _lock(database):
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


def _scalar(database: Any, sql: str, *values: Any) -> Any:
    return database.execute_sql(sql, values).fetchone()[0]
