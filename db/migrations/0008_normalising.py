"""How far the stored forms of phrases are of which normaliser."""

from __future__ import annotations

from typing import Any

atomic = False


def up(migrator: Any, db: Any) -> None:
    """Create the table: one row for each table with phrases, made by whoever first looks at them."""
    db.execute_sql("""
        CREATE TABLE IF NOT EXISTS normalising (
            name VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
            version INT NOT NULL,
            done_id BIGINT NOT NULL DEFAULT 0,
            changed BIGINT NOT NULL DEFAULT 0,
            finished DATETIME(3) NULL
        ) ENGINE=InnoDB
    """)
