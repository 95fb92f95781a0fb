"""Says before the start whether Redis and MariaDB are fit for us, and what to do when they are not."""

from __future__ import annotations

from typing import Any

import pymysql
import redis

from db.errors import StorageUnavailable
from db.links import is_maria_embedded, is_redis_embedded, maria_arguments, redis_client
from db.settings import Settings

REDIS_MIN = (7, 0)
MARIADB_MIN = (10, 6)
_ACCESS_DENIED = (1044, 1045, 1698)
_PROBE = "salo__probe"  # no base can have this database: names begin with a letter


def check_external(settings: Settings) -> list[str]:
    """Check those servers that are not embedded; return warnings, one line each.

    Raises ``StorageUnavailable`` for what makes the start useless. Blocks for 5 s per answer.
    """
    warnings = [] if is_redis_embedded(settings) else check_redis(settings)
    if not is_maria_embedded(settings):
        check_mariadb(settings)
    return warnings


def check_redis(settings: Settings) -> list[str]:
    """Check version, number of databases and durability; return warnings."""
    url, needed = settings.storage.redis, settings.storage.redis_databases
    with redis_client(settings) as client:
        info = _redis_info(client, url)
        if _version(info["redis_version"]) < REDIS_MIN:
            raise StorageUnavailable(f"{url} is Redis {info['redis_version']}; {_dotted(REDIS_MIN)} or newer is needed")
    try:
        with redis_client(settings, db=needed - 1) as last:
            last.ping()
    except redis.RedisError as error:
        raise StorageUnavailable(
            f"{url} has too few databases: {needed} are needed, one a bot and one ({_brief(error)}); "
            f"set databases {needed} in its redis.conf or lower [storage] redis_databases"
        ) from None
    return _redis_warnings(url, info)


def check_mariadb(settings: Settings) -> None:
    """Check that it is a MariaDB of a known kind in which we may create databases."""
    url = settings.storage.mariadb
    try:
        with pymysql.connect(**maria_arguments(settings)) as connection, connection.cursor() as cursor:
            cursor.execute("select version()")
            (version,) = cursor.fetchone() or ("",)
            if "MariaDB" not in version or _version(version) < MARIADB_MIN:
                raise StorageUnavailable(f"{url} is {version}; MariaDB {_dotted(MARIADB_MIN)} or newer is needed")
            _try_to_create(cursor, url)
    except pymysql.err.OperationalError as error:
        raise StorageUnavailable(_maria_refusal(url, error)) from None


def _redis_info(client: redis.Redis, url: str) -> dict[str, Any]:
    try:
        return dict(client.info())
    except (redis.AuthenticationError, redis.exceptions.NoPermissionError) as error:
        raise StorageUnavailable(f"{url} refuses us ({_brief(error)}); see [storage] redis_password_file") from None
    except (redis.RedisError, OSError) as error:
        raise StorageUnavailable(f"{url} cannot be reached ({_brief(error)}); see [storage] redis") from None


def _redis_warnings(url: str, info: dict[str, Any]) -> list[str]:
    warnings = []
    if not info.get("aof_enabled"):
        warnings.append(
            f"{url} has no append-only file: accepted events are lost when it restarts; "
            f"set appendonly yes and appendfsync always"
        )
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        warnings.append(f"{url} may throw accepted events away (maxmemory-policy {policy}); set noeviction")
    return warnings


def _try_to_create(cursor: pymysql.cursors.Cursor, url: str) -> None:
    try:
        cursor.execute(f"create database if not exists {_PROBE}")
        cursor.execute(f"drop database if exists {_PROBE}")
    except pymysql.err.OperationalError as error:
        if error.args[0] not in _ACCESS_DENIED:
            raise
        raise StorageUnavailable(
            f"{url}: this user may not create our databases; as its administrator: "
            f"grant all on `salo\\_%`.* to the user"
        ) from None


def _maria_refusal(url: str, error: pymysql.err.OperationalError) -> str:
    if error.args[0] in _ACCESS_DENIED:
        return f"{url} refuses us ({_brief(error)}); see [storage] mariadb_password_file"
    return f"{url} cannot be reached ({_brief(error)}); see [storage] mariadb"


def _brief(error: Exception) -> str:
    return str(error.args[-1] if error.args else error).rstrip(".")[:200]


def _version(text: str) -> tuple[int, ...]:
    """Return the leading numbers of ``10.11.6-MariaDB``; replication's ``5.5.5-`` in front of it is skipped."""
    numbers = text.removeprefix("5.5.5-").split("-")[0].split(".")
    return tuple(int(part) for part in numbers if part.isdigit())


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
