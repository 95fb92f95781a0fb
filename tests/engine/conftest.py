"""Fixtures of the engine's tests."""

from __future__ import annotations

import pytest

from tests.services import PASSWORD, MariaService, RedisService


@pytest.fixture(scope="session")
def storage_tables(
    redis_service: RedisService, maria_service: MariaService, tmp_path_factory: pytest.TempPathFactory
) -> str:
    """The ``[storage]`` table that names the session's Redis and MariaDB."""
    password = tmp_path_factory.mktemp("storage") / "password"
    password.write_text(PASSWORD)
    return (
        f'[storage]\nredis = "{redis_service.url}"\nredis_password_file = "{password}"\n'
        f'mariadb = "{maria_service.url}"\nmariadb_password_file = "{password}"\n'
    )
