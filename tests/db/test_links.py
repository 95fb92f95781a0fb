"""Every process finds Redis and MariaDB by the settings, and no password shows."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pymysql
import pytest
import redis

from db.errors import BadSettings, StorageUnavailable
from db.links import (
    async_redis_client,
    async_subscriber,
    maria_arguments,
    redis_client,
    storage_address,
    subscriber,
)
from db.settings import Settings, StorageSettings, load_settings
from db.texts import use_language
from tests.services import PASSWORD


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    with use_language("en"):
        yield


@pytest.fixture
def settings(storage_settings: Path) -> Settings:
    return load_settings(storage_settings, {"SALO_HOME": str(storage_settings.parent)})


def with_storage(home: Path, **storage: object) -> Settings:
    return Settings(storage=StorageSettings.model_validate(storage), home=home)


def test_client_reaches_a_bots_own_database(settings: Settings, clean_redis: redis.Redis) -> None:
    redis_client(settings, db=1023).set("here", "1")
    assert redis_client(settings, db=1023).get("here") == b"1"
    assert redis_client(settings).get("here") is None


def test_clients_speak_resp3_and_never_repeat_a_command(settings: Settings, clean_redis: redis.Redis) -> None:
    client = redis_client(settings)
    client.xadd("s", {"k": "v"})
    assert isinstance(client.xread({"s": "0"}), dict)
    assert client.get_connection_kwargs()["retry"].get_retries() == 0


def test_async_client_and_both_subscribers_hear_a_message(settings: Settings, clean_redis: redis.Redis) -> None:
    async def heard() -> object:
        async with async_subscriber(settings) as listener, listener.pubsub() as pubsub:
            await pubsub.subscribe("c")
            await pubsub.get_message(timeout=5)
            async with async_redis_client(settings) as client:
                await client.publish("c", b"x")
            message = await pubsub.get_message(timeout=5)
            return message and message["data"]

    assert asyncio.run(heard()) == b"x"
    pubsub = subscriber(settings).pubsub(ignore_subscribe_messages=True)
    pubsub.subscribe("c")
    pubsub.get_message(timeout=5)
    clean_redis.publish("c", b"y")
    message = pubsub.get_message(timeout=5)
    assert message is not None and message["data"] == b"y"


def test_maria_arguments_connect_with_limits(settings: Settings) -> None:
    arguments = maria_arguments(settings)
    assert arguments["read_timeout"] == arguments["write_timeout"] == arguments["connect_timeout"] == 5
    with pymysql.connect(**arguments) as connection, connection.cursor() as cursor:
        cursor.execute("select current_user(), @@character_set_client")
        assert cursor.fetchone() == ("salo@localhost", "utf8mb4")


def test_no_password_shows_in_an_address(settings: Settings) -> None:
    assert PASSWORD not in repr(storage_address(settings))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("unix:///run/redis.sock", {"unix_socket_path": "/run/redis.sock"}),
        ("redis://cache:6380", {"host": "cache", "port": 6380, "ssl": False}),
        ("redis://bob@cache", {"host": "cache", "port": 6379, "ssl": False, "username": "bob"}),
        ("rediss://[::1]:7000", {"host": "::1", "port": 7000, "ssl": True}),
    ],
)
def test_redis_url_is_understood(tmp_path: Path, url: str, expected: dict[str, object]) -> None:
    address = storage_address(with_storage(tmp_path, redis=url, mariadb="mysql://salo@db"))
    assert address.redis == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("mysql://bot%40home@db:3307", {"host": "db", "port": 3307, "user": "bot@home"}),
        ("mysql://salo@/?socket=/run/m.sock", {"unix_socket": "/run/m.sock", "user": "salo", "ssl_disabled": True}),
    ],
)
def test_mariadb_url_is_understood(tmp_path: Path, url: str, expected: dict[str, object]) -> None:
    assert storage_address(with_storage(tmp_path, redis="redis://cache", mariadb=url)).mysql == expected


@pytest.mark.parametrize("url", ["redis://bob:hunter2@cache", "redis://cache:seventy"])
def test_url_with_a_password_or_a_bad_port_is_refused_without_showing_it(tmp_path: Path, url: str) -> None:
    with pytest.raises(BadSettings) as error:
        redis_client(with_storage(tmp_path, redis=url))
    assert "[storage] redis" in str(error.value) and "hunter2" not in str(error.value)


def test_missing_password_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageUnavailable, match="redis/password"):
        redis_client(with_storage(tmp_path))
