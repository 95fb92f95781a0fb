"""Raw connections to Redis: over TCP and unix sockets, with users, and when passwords are wrong."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import redis

from db.errors import StorageUnavailable
from db.settings import load_settings
from server.callback.wire import Refusal, Wire
from tests.services import PASSWORD, RedisService


def wire(folder: Path, url: str, password: str = PASSWORD) -> Wire:
    (folder / "password").write_text(password)
    config = folder / "salo.toml"
    config.write_text(f'[storage]\nredis = "{url}"\nredis_password_file = "{folder / "password"}"\n')
    return Wire(load_settings(config, {"SALO_HOME": str(folder)}))


@pytest.fixture
def port(clean_redis: redis.Redis) -> Iterator[int]:
    """The session's Redis, listening on TCP for one test."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number = int(probe.getsockname()[1])
    clean_redis.config_set("port", number)
    yield number
    clean_redis.config_set("port", 0)


def test_unix_socket_is_used_with_its_password(redis_service: RedisService, tmp_path: Path) -> None:
    with closing(wire(tmp_path, redis_service.url)) as line:
        assert line.call("PING") == b"PONG"


def test_tcp_address_is_used_with_its_password(port: int, tmp_path: Path) -> None:
    with closing(wire(tmp_path, f"redis://127.0.0.1:{port}")) as line:
        assert [line.call("SET", "a", b"\x00\xff"), line.call("GET", "a")] == [b"OK", b"\x00\xff"]


def test_named_user_is_used(clean_redis: redis.Redis, port: int, tmp_path: Path) -> None:
    clean_redis.acl_setuser("salo", enabled=True, passwords=["+own"], keys=["*"], commands=["+@all"])
    with closing(wire(tmp_path, f"redis://salo@127.0.0.1:{port}", "own")) as line:
        assert line.call("ACL", "WHOAMI") == b"salo"
    clean_redis.acl_deluser("salo")


def test_wrong_password_is_a_refusal_that_does_not_show_it(redis_service: RedisService, tmp_path: Path) -> None:
    with closing(wire(tmp_path, redis_service.url, "canary-password")) as line, pytest.raises(Refusal) as caught:
        line.call("PING")
    assert "canary" not in str(caught.value)


def test_answer_larger_than_one_read_comes_whole(redis_service: RedisService, tmp_path: Path) -> None:
    with closing(wire(tmp_path, redis_service.url)) as line:
        line.call("SET", "large", b"x" * 1_000_000)
        assert line.call("GET", "large") == b"x" * 1_000_000


def test_error_of_a_command_leaves_its_connection_usable(redis_service: RedisService, tmp_path: Path) -> None:
    with closing(wire(tmp_path, redis_service.url)) as line:
        with pytest.raises(Refusal):
            line.call("NO-SUCH-COMMAND")
        assert line.call("CLIENT", "ID") == line.call("CLIENT", "ID")


def test_connections_are_as_many_as_calls_at_the_same_time(redis_service: RedisService, tmp_path: Path) -> None:
    with closing(wire(tmp_path, redis_service.url)) as line:
        assert len({line.call("CLIENT", "ID") for _ in range(20)}) == 1


def test_redis_that_is_not_there_is_storage_unavailable(tmp_path: Path) -> None:
    for url in (f"unix://{tmp_path}/none.sock", "redis://127.0.0.1:1"):
        with closing(wire(tmp_path, url)) as line, pytest.raises(StorageUnavailable):
            line.call("PING")
