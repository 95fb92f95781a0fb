"""What the last words of Redis and MariaDB mean, and when a new start makes sense."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from server.storage.causes import LOGS, ROOM_MB, maria_cause, redis_cause


@pytest.mark.parametrize(
    "words",
    [
        "1:M 28 Nov 2026 05:51:58.068 # Short write while writing to the AOF file: (nwritten=937, expected=1139)",
        "1:M 28 Nov 2026 05:51:58.068 # Error writing to the AOF file: No space left on device",
    ],
)
def test_redis_waits_for_room_on_a_full_disk(words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cause = redis_cause(tmp_path, ["something else", words, "# Can't recover from AOF write error. Exiting..."])
    assert cause is not None and cause.is_over is not None and not cause.is_mended
    assert str(tmp_path) in cause.told() and str(ROOM_MB) in cause.told()
    free = ROOM_MB << 20
    monkeypatch.setattr(shutil, "disk_usage", lambda _place: SimpleNamespace(free=free - 1))
    assert not cause.is_over()
    monkeypatch.setattr(shutil, "disk_usage", lambda _place: SimpleNamespace(free=free))
    assert cause.is_over()


def test_a_log_broken_in_its_middle_waits_for_somebody(tmp_path: Path) -> None:
    log = tmp_path / LOGS / "appendonly.aof.1.incr.aof"
    log.parent.mkdir()
    log.write_bytes(b"rubbish*1\r\n$4\r\nPING\r\n")
    cause = redis_cause(tmp_path, [f"# Bad file format reading the append only file {log.name}: make a backup of it"])
    assert cause is not None and cause.is_over is not None and not cause.is_mended
    assert not cause.is_over()
    log.write_bytes(b"*1\r\n$4\r\nPING\r\n")
    assert cause.is_over()


def test_words_that_say_nothing_have_no_cause(tmp_path: Path) -> None:
    assert redis_cause(tmp_path, ["# User requested shutdown..."]) is None
    assert maria_cause(tmp_path, ["[ERROR] Aborting"]) is None
    assert redis_cause(tmp_path, []) is None


def test_mariadb_waits_for_room_too(tmp_path: Path) -> None:
    cause = maria_cause(tmp_path, ['[ERROR] mariadbd: Error writing file (Errcode: 28 "No space left on device")'])
    assert cause is not None and cause.is_over is not None
