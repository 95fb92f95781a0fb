"""The torn end of Redis' log: cut off when it holds no whole command, and nothing else ever."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.storage.append_log import cut_torn_end
from server.storage.causes import LOGS, redis_cause
from tests.services import start_redis


def command(*words: bytes) -> bytes:
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)


WHOLE = command(b"SELECT", b"0") + command(b"SET", b"a", b"*1\r\n$4\r\nPING\r\n") + b"#TS:1700000000\r\n"
TRANSACTION = command(b"MULTI") + command(b"SET", b"b", b"2")


def log_of(directory: Path, content: bytes, number: int = 1) -> Path:
    logs = directory / LOGS
    logs.mkdir(exist_ok=True)
    log = logs / f"appendonly.aof.{number}.incr.aof"
    log.write_bytes(content)
    return log


@pytest.mark.parametrize(
    "torn",
    [
        bytes(4096),
        b"\xff garbage\r\n*\r\n",
        b"*3\r\n$3\r\nSET\r\n$5\r\nab" + bytes(100),
        b"*2\r\n$3\r\nGET\r\n$999999999999\r\n",
        TRANSACTION + bytes(10),
        command(b"S\0T", b"a"),
    ],
)
def test_a_torn_end_is_cut_off_and_kept(tmp_path: Path, torn: bytes) -> None:
    log = log_of(tmp_path, WHOLE + torn)
    cut = cut_torn_end(log, tmp_path)
    assert cut is not None and cut.size == len(torn)
    assert log.read_bytes() == WHOLE
    assert cut.kept.read_bytes() == torn and cut.kept.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "content", [WHOLE, WHOLE + bytes(10) + command(b"SET", b"c", b"3"), WHOLE + b"$$" + WHOLE + bytes(8), b""]
)
def test_a_log_that_is_whole_or_broken_elsewhere_is_left_alone(tmp_path: Path, content: bytes) -> None:
    log = log_of(tmp_path, content)
    assert cut_torn_end(log, tmp_path) is None
    assert log.read_bytes() == content and not list(tmp_path.glob("*.torn"))


def test_only_the_newest_log_is_touched(tmp_path: Path) -> None:
    old = log_of(tmp_path, WHOLE + bytes(9), 9)
    log_of(tmp_path, WHOLE, 10)
    assert cut_torn_end(old, tmp_path) is None


def test_a_redis_that_refused_its_log_starts_with_all_that_it_acknowledged(tmp_path: Path) -> None:
    service = start_redis(tmp_path)
    for number in range(50):
        service.client().xadd("events", {"n": number})
    service.stop()
    log = next((tmp_path / LOGS).glob("*.incr.aof"))
    log.write_bytes(log.read_bytes() + command(b"XADD", b"events", b"*", b"n", b"50")[:-9] + bytes(5000))
    with pytest.raises(AssertionError):
        start_redis(tmp_path, timeout_s=0.5)
    cause = redis_cause(tmp_path, (tmp_path / "redis.log").read_text().splitlines()[-2:])
    assert cause is not None and cause.is_mended, cause
    again = start_redis(tmp_path)
    assert again.client().xlen("events") == 50
    again.stop()
