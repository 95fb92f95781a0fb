"""Answers to phrases."""

from __future__ import annotations

from typing import Any

atomic = False  # MariaDB commits before and after each DDL statement anyway


def up(migrator: Any, db: Any) -> None:
    """Create the table.

    ``utf8mb4_nopad_bin``: the default collation makes all emoji equal, and е = ё. ``rx_norm`` may be NULL, so that
    rows can be written by hand and are normalised later; NULL hashes never collide in the unique index.
    """
    db.execute_sql("""
        CREATE TABLE IF NOT EXISTS answers (
            id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
            rx TEXT NOT NULL,
            rx_norm TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NULL,
            rx_hash CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL,
            tx MEDIUMTEXT NOT NULL,
            tx_hash BINARY(16) AS (UNHEX(MD5(tx))) STORED,
            bot_id BIGINT NOT NULL DEFAULT 0,
            weight INT NOT NULL DEFAULT 1,
            author VARCHAR(64) NOT NULL DEFAULT '',
            created DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
            updated DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3),
            deleted DATETIME(3) NULL,
            UNIQUE KEY answers_identity (rx_hash, tx_hash, bot_id),
            KEY answers_updated (updated)
        ) ENGINE=InnoDB
    """)
