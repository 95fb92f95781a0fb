"""The services that other tests stand on do run."""

from __future__ import annotations

import redis

from tests.services import MariaService


def test_redis_answers_and_has_a_database_for_each_bot(clean_redis: redis.Redis) -> None:
    assert clean_redis.ping()
    assert clean_redis.config_get("databases")["databases"] == "1024"


def test_mariadb_answers(maria_service: MariaService) -> None:
    with maria_service.connect() as connection, connection.cursor() as cursor:
        cursor.execute("select version()")
        assert "MariaDB" in cursor.fetchone()[0]
