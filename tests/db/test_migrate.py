"""A start that is killed in the middle of a migration is mended by the next one, wherever it was killed."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
from typing import Any

from peewee import MySQLDatabase

from db.base import Base
from db.bases import BaseStore
from db.migrate import STEPS
from db.settings import Settings
from tests.services import MariaService

STEP_NAMES = sorted(step.stem for step in STEPS.glob("0*.py"))
_SCHEMA = {
    "columns": "SELECT table_name, column_name, column_type, is_nullable, column_default, collation_name, extra",
    "statistics": "SELECT table_name, index_name, seq_in_index, column_name, non_unique",
}


def _schema(maria: MariaService, base: str) -> list[list[tuple[Any, ...]]]:
    """Return all columns and indexes of a base."""
    with maria.connect() as connection, connection.cursor() as cursor:
        found = []
        for table, select in _SCHEMA.items():
            cursor.execute(f"{select} FROM information_schema.{table} WHERE table_schema = %s", [f"salo_{base}"])
            found.append(sorted(map(tuple, cursor.fetchall()), key=repr))
        return found


def _applied(maria: MariaService, base: str) -> list[str]:
    with maria.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SHOW TABLES FROM salo_%s LIKE 'schema_migration'" % base)  # noqa: UP031
        if not cursor.fetchall():
            return []
        cursor.execute(f"SELECT name FROM salo_{base}.schema_migration ORDER BY name")
        return [name for (name,) in cursor.fetchall()]


def _migrate_and_die(settings: Settings, base: str, after: int) -> None:
    """Migrate in this process, which is killed after so many statements that change something."""
    execute, changes = MySQLDatabase.execute_sql, itertools.count(1)

    def execute_sql(database: Any, sql: str, *values: Any, **options: Any) -> Any:
        result = execute(database, sql, *values, **options)
        if not sql.startswith(("SELECT", "SHOW")) and next(changes) == after:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    MySQLDatabase.execute_sql = execute_sql
    BaseStore(None, settings).migrate(base)  # type: ignore[arg-type]  # no Redis is asked


def test_migration_killed_after_any_statement_is_mended_by_the_next_start(
    base: Base, base_store: BaseStore, maria_service: MariaService
) -> None:
    with maria_service.connect() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE OR REPLACE DATABASE salo_torn CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci")
    fork = multiprocessing.get_context("fork")
    killed, after, applied = 0, 1, 0
    while True:
        child = fork.Process(target=_migrate_and_die, args=(base.settings, "torn", after))
        child.start()
        child.join(60)
        if child.exitcode == 0:
            break
        assert child.exitcode == -signal.SIGKILL
        killed += 1
        noted = _applied(maria_service, "torn")
        assert noted == STEP_NAMES[: len(noted)]
        # Each step is met at each of its statements (2 is its first): the next one's turn comes when this one is noted.
        after = 2 if len(noted) > applied else after + 1
        applied = len(noted)
    assert killed > 2 * len(STEP_NAMES)
    assert _applied(maria_service, "torn") == STEP_NAMES
    assert _schema(maria_service, "torn") == _schema(maria_service, "main")
    base_store.create("torn")
