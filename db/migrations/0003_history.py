"""What was said to bots and what they answered, and its archive."""

from __future__ import annotations

from typing import Any

atomic = False

_COLUMNS = """
    bot_id BIGINT NOT NULL,
    peer_id BIGINT NOT NULL,
    account_id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
    social_network_id ENUM('vk', 'console') NOT NULL DEFAULT 'vk',
    event_id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
    rx TEXT NOT NULL,
    tx MEDIUMTEXT NULL,
    answer_id BIGINT NULL,
    score DOUBLE NULL,
    time DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
"""


def up(migrator: Any, db: Any) -> None:
    """Create both tables: the same columns, but the archive keeps the ids it is given."""
    for table, numbering in (("history", "AUTO_INCREMENT"), ("history_reserve", "")):
        db.execute_sql(f"""
            CREATE TABLE IF NOT EXISTS {table} (
                id BIGINT NOT NULL {numbering} PRIMARY KEY, {_COLUMNS}
                KEY {table}_conversation (bot_id, peer_id, time),
                KEY {table}_time (time)
            ) ENGINE=InnoDB
        """)
