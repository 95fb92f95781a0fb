"""How every process reaches Redis and MariaDB: addresses from the settings, passwords from their files, clients.

Clients never repeat a command by themselves: what is safe to repeat is known by whoever sends it. Creating one does
not connect; errors of the first command are those of redis-py and PyMySQL.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

import redis
import redis.asyncio
import redis.asyncio.retry
from redis.backoff import NoBackoff
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry

from db.errors import BadSettings, StorageUnavailable
from db.keys import PLATFORM_DB
from db.settings import Settings
from db.state import StateDir, reachable
from db.texts import _

EMBEDDED = "embedded"
MARIA_USER = "salo"  # of the embedded MariaDB
TIMEOUT_S = 5  # of a connect, of a command's answer
PING_EVERY_S = 15  # on a subscriber's quiet connection
_PLAIN = {"ssl_disabled": True}  # a socket of this machine: else PyMySQL reads all authorities, 30 ms a connection


@dataclass(frozen=True, slots=True)
class StorageAddress:
    """Where both servers are, as keyword arguments of ``redis.Redis`` and of ``pymysql.connect``; passwords hidden."""

    redis: dict[str, Any]
    mysql: dict[str, Any]
    redis_password: str | None = field(repr=False)
    mysql_password: str = field(repr=False)


def redis_socket(state: StateDir) -> Path:
    return state.redis / "redis.sock"


def redis_password_file(state: StateDir) -> Path:
    return state.redis / "password"


def maria_socket(state: StateDir) -> Path:
    return state.mariadb / "mariadb.sock"


def maria_password_file(state: StateDir) -> Path:
    return state.mariadb / "password"


def is_redis_embedded(settings: Settings) -> bool:
    return settings.storage.redis == EMBEDDED


def is_maria_embedded(settings: Settings) -> bool:
    return settings.storage.mariadb == EMBEDDED


def storage_address(settings: Settings) -> StorageAddress:
    """Return where both servers are. Raises ``StorageUnavailable`` when a password file cannot be read."""
    return StorageAddress(
        redis=_redis_address(settings),
        mysql=_maria_address(settings),
        redis_password=_redis_password(settings),
        mysql_password=_maria_password(settings),
    )


def redis_client(settings: Settings, db: int = PLATFORM_DB, timeout_s: float = TIMEOUT_S) -> redis.Redis:
    """Return a blocking client of one logical database: binary answers, RESP3 shapes, 5 s for any answer."""
    times = {"socket_timeout": timeout_s, "socket_connect_timeout": timeout_s}
    return redis.Redis(**{**_client_arguments(settings, db), **times}, retry=Retry(NoBackoff(), 0))


def async_redis_client(settings: Settings, db: int = PLATFORM_DB) -> redis.asyncio.Redis:
    """Return the same client for asyncio."""
    return redis.asyncio.Redis(**_client_arguments(settings, db), retry=redis.asyncio.retry.Retry(NoBackoff(), 0))


def subscriber(settings: Settings) -> redis.Redis:
    """Return a client for ``pubsub()``: a read may wait for ever, a quiet connection is pinged."""
    return redis.Redis(**_subscriber_arguments(settings), retry=Retry(NoBackoff(), 0))


def async_subscriber(settings: Settings) -> redis.asyncio.Redis:
    """Return the same subscriber for asyncio."""
    return redis.asyncio.Redis(**_subscriber_arguments(settings), retry=redis.asyncio.retry.Retry(NoBackoff(), 0))


def maria_arguments(settings: Settings, timeout_s: float = TIMEOUT_S) -> dict[str, Any]:
    """Return what ``pymysql.connect`` and peewee's databases take, without a database's name."""
    return {
        **_maria_address(settings),
        "password": _maria_password(settings),
        "charset": "utf8mb4",
        "connect_timeout": timeout_s,
        "read_timeout": timeout_s,
        "write_timeout": timeout_s,
    }


def _client_arguments(settings: Settings, db: int) -> dict[str, Any]:
    return {
        **_redis_address(settings),
        "password": _redis_password(settings),
        "db": db,
        "socket_timeout": TIMEOUT_S,
        "socket_connect_timeout": TIMEOUT_S,
        "protocol": 3,
        "legacy_responses": False,
        "decode_responses": False,
        # Both would cost each new connection commands that mean nothing to our servers.
        "driver_info": None,
        "maint_notifications_config": MaintNotificationsConfig(enabled=False),
    }


def _subscriber_arguments(settings: Settings) -> dict[str, Any]:
    return {
        **_client_arguments(settings, PLATFORM_DB),
        "socket_timeout": None,
        "health_check_interval": PING_EVERY_S,
    }


def _redis_address(settings: Settings) -> dict[str, Any]:
    if is_redis_embedded(settings):
        return {"unix_socket_path": _reachable(redis_socket(settings.state))}
    url = _split("redis", settings.storage.redis)
    user = {"username": unquote(url.username)} if url.username else {}
    if url.scheme == "unix":
        return {"unix_socket_path": _reachable(Path(unquote(url.path))), **user}
    authorities = settings.storage.redis_ca_file
    if url.scheme == "rediss" and authorities:
        user["ssl_ca_certs"] = str(Path(authorities).expanduser())
    return {"host": url.hostname or "127.0.0.1", "port": url.port or 6379, "ssl": url.scheme == "rediss", **user}


def _maria_address(settings: Settings) -> dict[str, Any]:
    if is_maria_embedded(settings):
        return {"unix_socket": _reachable(maria_socket(settings.state)), "user": MARIA_USER, **_PLAIN}
    url = _split("mariadb", settings.storage.mariadb)
    user: dict[str, Any] = {"user": unquote(url.username or MARIA_USER)}
    sockets = parse_qs(url.query).get("socket")
    if sockets:
        return {"unix_socket": _reachable(Path(sockets[0])), **user, **_PLAIN}
    authorities = settings.storage.mariadb_ca_file
    if authorities:
        user |= {"ssl_ca": str(Path(authorities).expanduser()), "ssl_verify_identity": True, "ssl_verify_cert": True}
    return {"host": url.hostname or "127.0.0.1", "port": url.port or 3306, **user}


def _split(key: str, value: str) -> SplitResult:
    """Return the parts of a storage URL. A password in it is refused: URLs end up in logs and screens."""
    try:
        url = urlsplit(value)
        int(url.port or 0)  # parsed on access
    except ValueError as error:
        text = _("[storage] {key}: not a URL ({error}); see salo.toml for the form")
        raise BadSettings(text.format(key=key, error=error)) from None
    if url.password is not None:
        text = _("[storage] {key} holds a password; put it into a file and name it in {key}_password_file")
        raise BadSettings(text.format(key=key))
    return url


def _reachable(socket: Path) -> str:
    try:
        return reachable(socket)
    except OSError as error:
        text = _("{socket}: {error}; is the storage running?")
        raise StorageUnavailable(text.format(socket=socket, error=error.strerror)) from None


def _redis_password(settings: Settings) -> str | None:
    if is_redis_embedded(settings):
        return _password(redis_password_file(settings.state))
    named = settings.storage.redis_password_file
    return _password(Path(named).expanduser()) if named else None


def _maria_password(settings: Settings) -> str:
    if is_maria_embedded(settings):
        return _password(maria_password_file(settings.state))
    named = settings.storage.mariadb_password_file
    return _password(Path(named).expanduser()) if named else ""


def _password(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        text = _("{file}: no password can be read from it ({error})")
        raise StorageUnavailable(text.format(file=file, error=error)) from None
