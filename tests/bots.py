"""Bots for the tests of every room, on a base that is registered without MariaDB."""

from __future__ import annotations

from pathlib import Path

import redis

from db import codec, keys
from db.bots import Bot, BotStore
from db.seal import Sealer
from db.settings import load_settings

SEALER = Sealer(bytes(range(32)))


def register_base(client: redis.Redis, name: str = "main") -> None:
    """Make bots on this base possible where no test needs its database."""
    client.hset(keys.BASES, name, codec.dumps({"name": name, "title": name, "state": "ready"}))


def bot_store(client: redis.Redis, config: Path) -> BotStore:
    """Return a store that seals with a fixed key."""
    return BotStore(client, load_settings(config), SEALER)


def add_bot(store: BotStore, name: str = "anna", group_id: int = 101, base: str = "main") -> Bot:
    """Add a bot whose token is ``token-<name>`` and whose secret is ``secret-<name>``."""
    return store.add(
        name, group_id, base, f"token-{name}", f"secret-{name}", f"code-{name}", title=name.title(), names=[name]
    )
