"""Lua scripts by name: ``db/scripts/<name>.lua``, run by their hash, and sent whole when Redis has forgotten them.

Each script says in its head what KEYS, ARGV and its answer are. What it does with keys belongs to its owner.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import redis
import redis.asyncio
from redis.exceptions import NoScriptError

_FOLDER = Path(__file__).parent / "scripts"

Argument = str | bytes | int | float


class Script:
    """One script. Instances are cheap and carry no connection; the text is read once a process."""

    __slots__ = ("name", "sha", "text")

    def __init__(self, name: str) -> None:
        self.name = name
        self.text = _text(name)
        self.sha = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()

    def __repr__(self) -> str:
        return f"Script({self.name!r})"

    def run(self, client: redis.Redis, keys: Sequence[str | bytes], args: Sequence[Argument] = ()) -> Any:
        """Run it and return its answer; a Redis that restarted, and so lost it, is sent the text at once.

        Errors of the connection pass through: the script may or may not have taken effect.
        """
        try:
            return client.evalsha(self.sha, len(keys), *keys, *args)
        except NoScriptError:
            return client.eval(self.text, len(keys), *keys, *args)

    async def run_async(
        self, client: redis.asyncio.Redis, keys: Sequence[str | bytes], args: Sequence[Argument] = ()
    ) -> Any:
        """The same over asyncio."""
        try:
            return await client.evalsha(self.sha, len(keys), *keys, *args)
        except NoScriptError:
            return await client.eval(self.text, len(keys), *keys, *args)


@cache
def _text(name: str) -> str:
    return (_FOLDER / f"{name}.lua").read_text(encoding="utf-8")
