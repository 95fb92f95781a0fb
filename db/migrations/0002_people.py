"""People, those who have not written for long, and what commands remember about them."""

from __future__ import annotations

from typing import Any

atomic = False

_KEY = """
    account_id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
    social_network_id ENUM('vk', 'console') NOT NULL DEFAULT 'vk',
"""
_PERSON = f"""
    {_KEY}
    fi_name VARCHAR(255) NOT NULL DEFAULT '',
    la_name VARCHAR(255) NOT NULL DEFAULT '',
    user_name VARCHAR(255) NOT NULL DEFAULT '',
    status ENUM('banned', 'user', 'moderator', 'admin', 'owner') NOT NULL DEFAULT 'user',
    last_seen DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
"""


def up(migrator: Any, db: Any) -> None:
    """Create the three tables; ``last_seen`` is indexed for the archive."""
    for table in ("user", "user_reserve"):
        db.execute_sql(f"""
            CREATE TABLE IF NOT EXISTS `{table}` ({_PERSON}
                PRIMARY KEY (account_id, social_network_id),
                KEY {table}_last_seen (last_seen)
            ) ENGINE=InnoDB
        """)
    db.execute_sql(f"""
        CREATE TABLE IF NOT EXISTS user_data ({_KEY}
            data_structure JSON NOT NULL,
            PRIMARY KEY (account_id, social_network_id)
        ) ENGINE=InnoDB
    """)
