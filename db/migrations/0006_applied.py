"""What has taken effect already, so that a repeat changes nothing: journal entries and commands."""

from __future__ import annotations

from typing import Any

atomic = False


def up(migrator: Any, db: Any) -> None:
    """Create both tables."""
    db.execute_sql("""
        CREATE TABLE IF NOT EXISTS journal_applied (
            journal VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
            last_ms BIGINT NOT NULL DEFAULT 0,
            last_seq BIGINT NOT NULL DEFAULT 0
        ) ENGINE=InnoDB
    """)
    db.execute_sql("""
        CREATE TABLE IF NOT EXISTS applied (
            bot_id BIGINT NOT NULL,
            event_id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
            reply MEDIUMTEXT NULL,
            time DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
            PRIMARY KEY (bot_id, event_id),
            KEY applied_time (time)
        ) ENGINE=InnoDB
    """)
