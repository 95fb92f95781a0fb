"""Fixtures that every room's tests share: one real Redis and one real MariaDB a session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from db import keys
from db.bases import Base, BaseStore
from db.settings import load_settings
from db.texts import use_language
from tests.services import MariaService, RedisService, quick_directory, start_maria, start_redis

# Other work on the machine makes any example slow now and then.
hypothesis_settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("busy")


@pytest.fixture(autouse=True)
def english_texts() -> Iterator[None]:
    """Texts in the language of the sources, as tests know them; another thread or process has its own language."""
    with use_language("en"):
        yield


@pytest.fixture(scope="session")
def redis_service() -> Iterator[RedisService]:
    """A real Redis for the whole session; ``clean_redis`` empties it for one test."""
    with quick_directory() as directory:
        service = start_redis(directory)
        yield service
        service.stop()


@pytest.fixture
def clean_redis(redis_service: RedisService) -> redis.Redis:
    """A client of database 0, all databases empty. Binary answers, RESP3 shapes."""
    client = redis_service.client()
    client.flushall()
    return client


@pytest.fixture(scope="session")
def maria_service() -> Iterator[MariaService]:
    """A real MariaDB for the whole session; tests create bases of their own names."""
    with quick_directory() as directory:
        service = start_maria(directory)
        yield service
        service.stop()


@pytest.fixture
def storage_settings(redis_service: RedisService, maria_service: MariaService, tmp_path: Path) -> Path:
    """A ``salo.toml`` that names the session's Redis and MariaDB as external storage."""
    from tests.services import PASSWORD

    password = tmp_path / "password"
    password.write_text(PASSWORD)
    config = tmp_path / "salo.toml"
    config.write_text(
        f'[storage]\nredis = "{redis_service.url}"\nredis_password_file = "{password}"\n'
        f'mariadb = "{maria_service.url}"\nmariadb_password_file = "{password}"\n'
    )
    return config


@pytest.fixture
def base_store(clean_redis: redis.Redis, storage_settings: Path) -> Iterator[BaseStore]:
    """The register of bases, empty; what a test makes in MariaDB is dropped after it."""
    store = BaseStore(clean_redis, load_settings(storage_settings, {"SALO_HOME": str(storage_settings.parent)}))
    yield store
    for info in store.list():
        clean_redis.delete(keys.BOTS)
        store.drop(info.name)


@pytest.fixture
def base(base_store: BaseStore) -> Iterator[Base]:
    """A new base named ``main`` with all its tables."""
    base_store.create("main", "Main")
    opened = base_store.open("main")
    yield opened
    opened.close()
