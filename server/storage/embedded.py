"""Which servers of our own the settings ask for, in the order in which they start; they stop in the opposite one."""

from __future__ import annotations

from db.links import is_maria_embedded, is_redis_embedded
from db.settings import Settings
from server.childspec import ChildSpec
from server.storage.embedded_mariadb import mariadb_answers, mariadb_spec
from server.storage.embedded_redis import redis_answers, redis_spec
from server.storage.lock import StateLock


def is_embedded(settings: Settings) -> bool:
    """Return whether any of the two servers is ours."""
    return is_redis_embedded(settings) or is_maria_embedded(settings)


def embedded_specs(settings: Settings, lock: StateLock) -> list[ChildSpec]:
    """Return Redis, then MariaDB, where they are embedded. Prepares their files: a second the first time.

    May run in any thread.
    """
    specs = []
    if is_redis_embedded(settings):
        specs.append(redis_spec(settings, lock))
    if is_maria_embedded(settings):
        specs.append(mariadb_spec(settings, lock))
    return specs


def storage_answers(settings: Settings) -> bool:
    """Return whether every server of ours takes commands. Blocks for 10 s at most."""
    return (not is_redis_embedded(settings) or redis_answers(settings)) and (
        not is_maria_embedded(settings) or mariadb_answers(settings)
    )
