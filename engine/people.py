"""Who writes: their names and status, from the job, else from the base, else from VK, asked once.

What was found is copied to Redis, so that the next job carries it, and a ban stands while MariaDB is down.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

import redis
from peewee import PeeweeException

from db import keys
from db.base import Base
from db.errors import StorageUnavailable
from db.models import Network, Person
from engine.sparing import Sparing
from engine.vk.client import VkClient
from engine.vk.errors import VkError, VkUnavailable

FRESH_S = 6 * 3600  # of a copy; an older one is read again
KEEP_BANNED_S = 30 * 24 * 3600  # an old copy of a ban is better than none: MariaDB may be down just now
NETWORK = "vk"

log = logging.getLogger(__name__)


class People:
    """Looks people up. ``open_base`` gives the way into a base, with a limit that talk can bear."""

    def __init__(self, client: redis.Redis, open_base: Callable[[str], Base], sparing: Sparing | None = None) -> None:
        self._redis = client
        self._open_base = open_base
        self._sparing = sparing or Sparing()

    def known(self, base: str, account_id: int) -> dict[str, str] | None:
        """Return the base's person, empty when it knows none, or None when it cannot be asked."""
        person = self._read(base, account_id)
        return self._copy(base, account_id, person) if person else person

    def is_old(self, person: dict[str, str]) -> bool:
        """Should the base be asked again, if it can be, about somebody whose copy this is?"""
        read_s = person.get("read_s", "")
        return read_s.isdecimal() and abs(time.time() - int(read_s)) > FRESH_S

    def _read(self, base: str, account_id: int) -> dict[str, str] | None:
        if not self._sparing.may_ask():
            return None
        try:
            with self._open_base(base).unit():
                row: Any = Person.get_or_none(
                    Person.account_id == str(account_id), Person.social_network_id == Network.VK
                )
        except (StorageUnavailable, PeeweeException) as error:
            log.warning("person not read base=%s error=%s", base, error)
            return None
        if row is None:
            return {}
        names = ("fi_name", "la_name", "user_name")
        return {"status": str(row.status), **{name: getattr(row, name) for name in names}}

    def ask_vk(self, vk: VkClient, base: str, account_id: int, person: dict[str, str]) -> dict[str, str] | None:
        """Return ``person`` with the names that VK tells, or None when it tells none. The slot is the caller's."""
        try:
            answer = vk.call("users.get", user_ids=account_id)
            names = {"fi_name": _clean(answer[0]["first_name"]), "la_name": _clean(answer[0]["last_name"])}
        except (VkError, VkUnavailable) as error:
            log.warning("names not known account_id=%d error=%s", account_id, error)
            return None
        except (LookupError, TypeError):
            return None
        return self._named(base, account_id, person, names)

    def ask_vk_all(
        self, call: Callable[..., Any], base: str, people: Mapping[int, dict[str, str]]
    ) -> dict[int, dict[str, str]]:
        """Return those of ``people`` whose names VK tells, by one ``call`` for all. Errors of the call pass through."""
        found = call("users.get", user_ids=",".join(map(str, people)))
        named = {}
        for user in found if isinstance(found, list) else []:
            try:
                account_id = int(user["id"])
                names = {"fi_name": _clean(user["first_name"]), "la_name": _clean(user["last_name"])}
            except (LookupError, TypeError, ValueError):
                continue
            if account_id in people:
                named[account_id] = self._named(base, account_id, people[account_id], names)
        return named

    def _named(self, base: str, account_id: int, person: dict[str, str], names: dict[str, str]) -> dict[str, str]:
        # A command of this very message may have written who they are, and how they want to be called.
        known = {"status": "user", **(self._read(base, account_id) or person), **names}
        return self._copy(base, account_id, {**known, "user_name": known.get("user_name") or names["fi_name"]})

    def _copy(self, base: str, account_id: int, person: dict[str, str]) -> dict[str, str]:
        key = keys.person(base, NETWORK, account_id)
        copy: dict[Any, Any] = {**person, "read_s": int(time.time())}
        pipeline = self._redis.pipeline(transaction=True)
        pipeline.hset(key, mapping=copy)
        pipeline.expire(key, KEEP_BANNED_S if person["status"] == "banned" else FRESH_S)
        try:
            pipeline.execute()
        except redis.RedisError as error:
            log.warning("person not copied base=%s error=%s", base, error)
        return person


def _clean(name: object) -> str:
    """Return a name of VK's without half characters, which neither Redis nor a verdict takes."""
    return str(name).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")[:255]
