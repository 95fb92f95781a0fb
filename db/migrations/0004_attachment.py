"""Attachments that answers name by their id."""

from __future__ import annotations

from typing import Any

atomic = False


def up(migrator: Any, db: Any) -> None:
    """Create the table."""
    db.execute_sql("""
        CREATE TABLE IF NOT EXISTS attachment (
            id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
            type ENUM('photo', 'video', 'audio', 'audio_message', 'doc', 'wall', 'sticker', 'graffiti') NOT NULL,
            answer JSON NOT NULL,
            title VARCHAR(255) NOT NULL DEFAULT ''
        ) ENGINE=InnoDB
    """)
