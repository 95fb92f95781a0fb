"""Our Lua scripts, run by Lua 5.1 as in redis-server, over a ``call`` that is handed in."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from typing import Any

from lupa import lua51
from redis.exceptions import ResponseError

_lua = lua51.LuaRuntime(encoding=None, unpack_returned_tuples=False)
_call: Callable[..., Any] | None = None


class Status(bytes):
    """A simple string, as of SET: in Lua a table with the field ``ok``."""


def _redis_call(name: bytes, *args: Any) -> Any:
    assert _call is not None
    return _to_lua(_call(name, *args))


_lua.eval(b"function(call) redis = {call = call} end")(_redis_call)


class Script:
    """One compiled script."""

    def __init__(self, text: bytes) -> None:
        self.sha = hashlib.sha1(text).hexdigest().encode()
        body = b"--" + text if text.startswith(b"#!") else text
        self._run = _lua.eval(b"function(KEYS, ARGV)\n" + body + b"\nend")

    @staticmethod
    @cache
    def of(text: bytes) -> Script:
        return Script(text)

    def run(self, call: Callable[..., Any], keys: list[bytes], args: list[bytes]) -> Any:
        """Return its answer as a client gets it."""
        global _call
        _call = call
        try:
            return _from_lua(self._run(_lua.table(*keys), _lua.table(*args)))
        except lua51.LuaError as error:
            raise ResponseError(str(error)) from None
        finally:
            _call = None


def _to_lua(value: Any) -> Any:
    if value is None:
        return False
    if isinstance(value, list):
        return _lua.table(*[_to_lua(item) for item in value])
    if isinstance(value, Status):
        return _lua.table_from({b"ok": bytes(value)})
    return value


def _from_lua(value: Any) -> Any:
    if value is None or value is False:
        return None
    if value is True:
        return 1
    if isinstance(value, bytes):
        return value
    if isinstance(value, (int, float)):
        return int(value)
    if value[b"ok"] is not None:
        return value[b"ok"]
    items, at = [], 1
    while (item := value[at]) is not None:
        items.append(_from_lua(item))
        at += 1
    return items
