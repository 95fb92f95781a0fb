"""The private Redis: on a unix socket in the state directory, durable before it answers (``appendfsync always``)."""

from __future__ import annotations

import asyncio

import redis

from db.errors import SaloError
from db.links import redis_client, redis_password_file, redis_socket
from db.settings import Settings
from server.childspec import ChildSpec
from server.process import child_environment
from server.storage.causes import RETRY_MOST_S, redis_cause
from server.storage.lock import StateLock
from server.storage.passwords import ensure_password
from server.storage.programs import redis_program

NAME = "redis"


def redis_spec(settings: Settings, lock: StateLock) -> ChildSpec:
    """Return how it is run; makes its password. It keeps ``lock``, since a second one would corrupt its files."""
    directory = settings.state.redis
    password = ensure_password(redis_password_file(settings.state))
    return ChildSpec(
        kind="redis",
        name=NAME,
        argv=[str(redis_program(directory)), "-"],
        env=child_environment(settings),
        cwd=directory,
        stdin=redis_options(settings, password).encode(),
        pass_fds=(lock.fd,),
        essential=True,
        retry_most_s=RETRY_MOST_S,
        after_end=lambda said: redis_cause(directory, said),
        ready=lambda: asyncio.to_thread(redis_answers, settings),
        ready_within_s=600.0,  # it reads its whole file first
        stop_grace_s=30.0,
    )


def redis_options(settings: Settings, password: str) -> str:
    """Return its whole configuration, read on stdin: argv is public. Paths are relative, so that none is too long."""
    return "\n".join(
        [
            "port 0",
            f"unixsocket {redis_socket(settings.state).name}",
            "unixsocketperm 700",
            f"requirepass {password}",
            f"databases {settings.storage.redis_databases}",
            # everysec loses acknowledged events even when only the process dies: it answers before it writes.
            "appendonly yes",
            "appendfsync always",
            'save ""',
            f"maxmemory {settings.storage.redis_memory_mb}mb",
            "maxmemory-policy noeviction",
            "enable-debug-command no",
            "daemonize no",
            "",
        ]
    )


def redis_answers(settings: Settings) -> bool:
    """Return whether it takes commands by now. Blocks for 5 s at most."""
    try:
        with redis_client(settings) as client:
            return bool(client.ping())
    except (redis.RedisError, OSError, SaloError):
        return False
