"""External servers: a fit one passes, and each reason to refuse one is told with its remedy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pymysql
import pytest
import redis

from db.errors import StorageUnavailable
from db.settings import Settings, load_settings
from db.texts import use_language
from server.storage import check
from server.storage.check import check_external, check_mariadb, check_redis
from tests.services import MariaService


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    with use_language("en"):
        yield


@pytest.fixture
def settings(storage_settings: Path) -> Settings:
    return load_settings(storage_settings, {"SALO_HOME": str(storage_settings.parent)})


def changed(settings: Settings, **storage: object) -> Settings:
    return settings.model_copy(update={"storage": settings.storage.model_copy(update=storage)})


@pytest.fixture
def configured(clean_redis: redis.Redis) -> Iterator[redis.Redis]:
    """A Redis whose settings a test may change."""
    kept = {name: clean_redis.config_get(name)[name] for name in ("appendonly", "appendfsync", "maxmemory-policy")}
    yield clean_redis
    for name, value in kept.items():
        clean_redis.config_set(name, value)


def refusal(check: object, settings: Settings) -> str:
    with pytest.raises(StorageUnavailable) as error:
        check(settings)  # type: ignore[operator]
    assert error.value.exit_code == 3
    return str(error.value)


def test_fit_servers_pass_without_a_word(settings: Settings, clean_redis: redis.Redis) -> None:
    assert check_external(settings) == []


def test_embedded_servers_are_not_checked(tmp_path: Path) -> None:
    assert check_external(Settings(home=tmp_path / "nowhere")) == []


def test_too_few_databases_are_refused_with_the_number_needed(settings: Settings) -> None:
    told = refusal(check_redis, changed(settings, redis_databases=1025))
    assert "1025 are needed" in told and "redis.conf" in told


def test_missing_durability_is_warned_of(settings: Settings, configured: redis.Redis) -> None:
    configured.config_set("appendonly", "no")
    configured.config_set("maxmemory-policy", "allkeys-lru")
    lost, thrown = check_redis(settings)
    assert "appendonly yes" in lost
    assert "allkeys-lru" in thrown


def test_a_log_that_is_flushed_later_is_warned_of(settings: Settings, configured: redis.Redis) -> None:
    configured.config_set("appendfsync", "everysec")
    (late,) = check_redis(settings)
    assert "set appendfsync always" in late


def test_wrong_password_and_unreachable_server_are_told_apart(settings: Settings, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("not-the-password")
    settings_wrong = changed(settings, redis_password_file=str(wrong), mariadb_password_file=str(wrong))
    for told in (refusal(check_redis, settings_wrong), refusal(check_mariadb, settings_wrong)):
        assert "refuses us" in told and "password_file" in told and "not-the-password" not in told
    nowhere = changed(settings, redis="redis://127.0.0.1:1", mariadb="mysql://salo@127.0.0.1:1")
    for told in (refusal(check_redis, nowhere), refusal(check_mariadb, nowhere)):
        assert "cannot be reached" in told and "127.0.0.1:1" in told


def test_user_who_may_not_create_databases_is_refused(
    settings: Settings, maria_service: MariaService, tmp_path: Path
) -> None:
    with maria_service.connect() as connection, connection.cursor() as cursor:
        cursor.execute("create or replace user poor@localhost identified by 'p'")
    (tmp_path / "p").write_text("p")
    url = f"mysql://poor@/?socket={maria_service.socket}"
    poor = changed(settings, mariadb=url, mariadb_password_file=str(tmp_path / "p"))
    assert "may not create" in refusal(check_mariadb, poor)
    with maria_service.connect() as connection, connection.cursor() as cursor:
        cursor.execute(r"grant all on `salo\_%`.* to poor@localhost")
    check_mariadb(poor)


def test_old_versions_are_refused(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "REDIS_MIN", (99,))
    monkeypatch.setattr(check, "MARIADB_MIN", (99,))
    assert "99 or newer" in refusal(check_redis, settings)
    assert "99 or newer" in refusal(check_mariadb, settings)


@pytest.mark.parametrize(
    ("text", "version"),
    [("7.0.15", (7, 0, 15)), ("10.11.6-MariaDB-0+deb12u1", (10, 11, 6)), ("5.5.5-10.5.1-MariaDB", (10, 5, 1))],
)
def test_version_is_read(text: str, version: tuple[int, ...]) -> None:
    assert check._version(text) == version


def test_probe_leaves_nothing_behind(settings: Settings, maria_service: MariaService) -> None:
    check_mariadb(settings)
    connection: pymysql.Connection[pymysql.cursors.Cursor]
    with maria_service.connect() as connection, connection.cursor() as cursor:
        cursor.execute("show databases like 'salo\\_\\_%'")
        assert cursor.fetchall() == ()
