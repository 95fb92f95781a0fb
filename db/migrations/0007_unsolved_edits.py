"""What became of a phrase without an answer: which answer it got, and when; and the newest phrases at hand."""

from __future__ import annotations

from typing import Any

atomic = False


def up(migrator: Any, db: Any) -> None:
    """Add the columns and the indexes that lists are read by."""
    db.execute_sql("""
        ALTER TABLE unsolved
            ADD COLUMN IF NOT EXISTS answer_id BIGINT NULL,
            ADD COLUMN IF NOT EXISTS edited DATETIME(3) NULL,
            ADD KEY IF NOT EXISTS unsolved_newest (status, last_seen),
            ADD KEY IF NOT EXISTS unsolved_seen (last_seen),
            ADD KEY IF NOT EXISTS unsolved_answer (answer_id)
    """)
