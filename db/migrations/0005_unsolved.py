"""Phrases without an answer."""

from __future__ import annotations

from typing import Any

atomic = False


def up(migrator: Any, db: Any) -> None:
    """Create the table: a phrase waits once for each bot."""
    db.execute_sql("""
        CREATE TABLE IF NOT EXISTS unsolved (
            id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
            rx TEXT NOT NULL,
            rx_norm TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
            rx_hash CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
            bot_id BIGINT NOT NULL,
            times INT NOT NULL DEFAULT 1,
            first_seen DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
            last_seen DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
            editor_id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NULL,
            editor_network_id ENUM('vk', 'console') NULL,
            answer MEDIUMTEXT NULL,
            status ENUM('new', 'assigned', 'answered', 'published', 'rejected') NOT NULL DEFAULT 'new',
            UNIQUE KEY unsolved_phrase (rx_hash, bot_id),
            KEY unsolved_waiting (bot_id, status, first_seen)
        ) ENGINE=InnoDB
    """)
