"""Says before the start whether Redis and MariaDB are fit for us, and what to do when they are not."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pymysql
import redis

from db.errors import StorageUnavailable
from db.links import is_maria_embedded, is_redis_embedded, maria_arguments, redis_client
from db.settings import Settings
from db.texts import _

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
            raise _too_old(url, f"Redis {info['redis_version']}", f"Redis {_dotted(REDIS_MIN)}")
        with suppress(redis.RedisError):  # not everybody lets us ask
            info |= client.config_get("appendfsync")
    try:
        with redis_client(settings, db=needed - 1) as last:
            last.ping()
    except redis.RedisError as error:
        text = _(
            "{url} has too few databases: {needed} are needed, one a bot and one ({error}); "
            "set databases {needed} in its redis.conf or lower [storage] redis_databases"
        )
        raise StorageUnavailable(text.format(url=url, needed=needed, error=_brief(error))) from None
    return _redis_warnings(url, info)


def check_mariadb(settings: Settings) -> None:
    """Check that it is a MariaDB of a known kind in which we may create databases."""
    url = settings.storage.mariadb
    try:
        with pymysql.connect(**maria_arguments(settings)) as connection, connection.cursor() as cursor:
            cursor.execute("select version()")
            (version,) = cursor.fetchone() or ("",)
            if "MariaDB" not in version or _version(version) < MARIADB_MIN:
                raise _too_old(url, version, f"MariaDB {_dotted(MARIADB_MIN)}")
            _try_to_create(cursor, url)
    except pymysql.err.OperationalError as error:
        if error.args[0] in _ACCESS_DENIED:
            raise _refused(url, error, "mariadb_password_file") from None
        raise _unreachable(url, error, "mariadb") from None


def _redis_info(client: redis.Redis, url: str) -> dict[str, Any]:
    try:
        return dict(client.info())
    except (redis.AuthenticationError, redis.exceptions.NoPermissionError) as error:
        raise _refused(url, error, "redis_password_file") from None
    except (redis.RedisError, OSError) as error:
        raise _unreachable(url, error, "redis") from None


def _redis_warnings(url: str, info: dict[str, Any]) -> list[str]:
    warnings = []
    if not info.get("aof_enabled"):
        text = _(
            "{url} has no append-only file: accepted events are lost when it restarts; "
            "set appendonly yes and appendfsync always"
        )
        warnings.append(text.format(url=url))
    elif info.get("appendfsync", "always") != "always":
        text = _("{url} answers before its log is on disk: a power cut loses accepted events; set appendfsync always")
        warnings.append(text.format(url=url))
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        text = _("{url} may throw accepted events away (maxmemory-policy {policy}); set noeviction")
        warnings.append(text.format(url=url, policy=policy))
    return warnings


def _try_to_create(cursor: pymysql.cursors.Cursor, url: str) -> None:
    try:
        cursor.execute(f"create database if not exists {_PROBE}")
        cursor.execute(f"drop database if exists {_PROBE}")
    except pymysql.err.OperationalError as error:
        if error.args[0] not in _ACCESS_DENIED:
            raise
        text = _("{url}: this user may not create our databases; let its administrator say: {sql}")
        raise StorageUnavailable(text.format(url=url, sql=r"grant all on `salo\_%`.* to …")) from None


def _too_old(url: str, found: str, needed: str) -> StorageUnavailable:
    text = _("{url} is {found}; {needed} or newer is needed")
    return StorageUnavailable(text.format(url=url, found=found, needed=needed))


def _refused(url: str, error: Exception, key: str) -> StorageUnavailable:
    text = _("{url} refuses us ({error}); see [storage] {key}")
    return StorageUnavailable(text.format(url=url, error=_brief(error), key=key))


def _unreachable(url: str, error: Exception, key: str) -> StorageUnavailable:
    text = _("{url} cannot be reached ({error}); see [storage] {key}")
    return StorageUnavailable(text.format(url=url, error=_brief(error), key=key))


def _brief(error: Exception) -> str:
    return str(error.args[-1] if error.args else error).rstrip(".")[:200]


def _version(text: str) -> tuple[int, ...]:
    """Return the leading numbers of ``10.11.6-MariaDB``; replication's ``5.5.5-`` in front of it is skipped."""
    numbers = text.removeprefix("5.5.5-").split("-")[0].split(".")
    return tuple(int(part) for part in numbers if part.isdigit())


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
