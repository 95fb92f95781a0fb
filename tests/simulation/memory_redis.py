"""Redis in memory: the commands that our scripts and their callers use, on a clock that is handed in.

Exact where our code looks, and checked against redis-server by ``test_memory_redis``. Everything is kept over a
``kill``, as with ``appendfsync always``, except the scripts that it knew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from redis.exceptions import NoScriptError, ResponseError

from tests.simulation.lua import Script, Status

Id = tuple[int, int]
Words = Sequence[Any]
OK = Status(b"OK")


class Stream:
    """Entries by id, oldest first, and the last id ever given."""

    def __init__(self) -> None:
        self.entries: dict[Id, list[bytes]] = {}
        self.last: Id = (0, 0)


class MemoryRedis:
    """``execute`` runs one command of a client of ``db`` and returns the answer as redis-py does for RESP3."""

    def __init__(self, clock_us: Callable[[], int]) -> None:
        self._clock_us = clock_us
        self._data: dict[int, dict[bytes, Any]] = {}
        self._ends_ms: dict[tuple[int, bytes], int] = {}
        self._scripts: dict[bytes, Script] = {}
        self._now_us = 0  # one moment for all that a script does
        self.published: Callable[[bytes, bytes], int] = lambda channel, message: 0
        self.added: Callable[[bytes, bytes, list[bytes]], None] = lambda key, entry, words: None
        self.removed: Callable[[bytes, bytes], None] = lambda key, entry: None

    def load_script(self, text: str) -> None:
        script = Script.of(text.encode())
        self._scripts[script.sha] = script

    def replace_script(self, text: str, by: str) -> None:
        """Let one script do what another says: for tests of the simulation itself."""
        self._scripts[Script.of(text.encode()).sha] = Script.of(by.encode())

    def forget_scripts(self) -> None:
        self._scripts.clear()

    def knows(self, sha: str) -> bool:
        return sha.encode() in self._scripts

    def execute(self, words: Words, db: int = 0) -> Any:
        """Return the answer to one command, or raise a ``ResponseError``."""
        flat = [_bytes(word) for word in words]
        self._now_us = self._clock_us()
        name = flat[0].upper()
        if name == b"EVALSHA":
            script = self._scripts.get(flat[1])
            if script is None:
                raise NoScriptError("No matching script. Please use EVAL.")
            return self._eval(script, flat[2:], db)
        if name == b"EVAL":
            script = Script.of(flat[1])
            self._scripts[script.sha] = script
            return self._eval(script, flat[2:], db)
        answer = self._call(db, name, flat[1:])
        shape = _SHAPES.get(name)
        return shape(answer, flat) if shape else bytes(answer) if isinstance(answer, Status) else answer

    def _eval(self, script: Script, words: list[bytes], db: int) -> Any:
        """Run a script. A SELECT in it ends with it."""
        chosen, count = db, int(words[0])

        def call(name: bytes, *args: Any) -> Any:
            nonlocal chosen
            if name == b"SELECT":
                chosen = int(_lua_bytes(args[0]))
                return OK
            return self._call(chosen, name, [_lua_bytes(arg) for arg in args])

        return script.run(call, words[1 : 1 + count], words[1 + count :])

    def _call(self, db: int, name: bytes, args: list[bytes]) -> Any:
        command = _COMMANDS.get(name)
        if command is None:
            raise ResponseError(f"unknown command {name!r}")
        return command(self, self._data.setdefault(db, {}), db, args)

    # Keys.

    def find(self, data: dict[bytes, Any], db: int, key: bytes, kind: type | None = None) -> Any:
        """Return the value of a key that did not expire, or None."""
        ends_ms = self._ends_ms.get((db, key))
        if ends_ms is not None and self._now_us // 1000 > ends_ms:
            self.drop(data, db, key)
        value = data.get(key)
        if value is not None and kind is not None and not isinstance(value, kind):
            raise ResponseError("WRONGTYPE Operation against a key holding the wrong kind of value")
        return value

    def drop(self, data: dict[bytes, Any], db: int, key: bytes) -> None:
        data.pop(key, None)
        self._ends_ms.pop((db, key), None)

    def end_at(self, data: dict[bytes, Any], db: int, key: bytes, delay_ms: int) -> None:
        if delay_ms <= 0:
            self.drop(data, db, key)
        else:
            self._ends_ms[db, key] = self._now_us // 1000 + delay_ms

    def existing(self, db: int = 0) -> list[bytes]:
        """Return the keys that exist now."""
        data = self._data.setdefault(db, {})
        self._now_us = self._clock_us()
        return sorted(key for key in list(data) if self.find(data, db, key) is not None)

    def made(self, data: dict[bytes, Any], db: int, key: bytes, kind: type) -> Any:
        value = self.find(data, db, key, kind)
        if value is None:
            value = data[key] = kind()
        return value

    # Commands on strings and keys.

    def _get(self, data: dict[bytes, Any], db: int, args: list[bytes]) -> Any:
        return self.find(data, db, args[0], bytes)

    def _set(self, data: dict[bytes, Any], db: int, args: list[bytes]) -> Any:
        key, value, *options = args
        self.drop(data, db, key)
        data[key] = value
        if options:
            unit = {b"PX": 1, b"EX": 1000}[options[0].upper()]
            if int(options[1]) <= 0:
                raise ResponseError("invalid expire time in 'set' command")
            self.end_at(data, db, key, int(options[1]) * unit)
        return OK

    def _del(self, data: dict[bytes, Any], db: int, args: list[bytes]) -> int:
        count = 0
        for key in args:
            if self.find(data, db, key) is not None:
                self.drop(data, db, key)
                count += 1
        return count

    def _exists(self, data: dict[bytes, Any], db: int, args: list[bytes]) -> int:
        return sum(self.find(data, db, key) is not None for key in args)

    def _incr(self, data: dict[bytes, Any], db: int, args: list[bytes]) -> int:
        value = int(self.find(data, db, args[0], bytes) or 0) + 1
        data[args[0]] = b"%d" % value
        return value

    def _pexpire(self, data: dict[bytes, Any], db: int, args: list[bytes]) -> int:
        if self.find(data, db, args[0]) is None:
            return 0
        self.end_at(data, db, args[0], int(args[1]))
        return 1

    def _expire(self, data: dict[bytes, Any], db: int, args: list[bytes]) -> int:
        return self._pexpire(data, db, [args[0], b"%d" % (int(args[1]) * 1000)])

    def _pttl(self, data: dict[bytes, Any], db: int, args: list[bytes]) -> int:
        if self.find(data, db, args[0]) is None:
            return -2
        ends_ms = self._ends_ms.get((db, args[0]))
        return -1 if ends_ms is None else ends_ms - self._now_us // 1000

    def _time(self, data: dict[bytes, Any], db: int, args: list[bytes]) -> list[bytes]:
        return [b"%d" % (self._now_us // 1_000_000), b"%d" % (self._now_us % 1_000_000)]

    def _publish(self, data: dict[bytes, Any], db: int, args: list[bytes]) -> int:
        return self.published(args[0], args[1])

    # Hashes.

    def _hset(self, data: dict[bytes, Any], db: int, args: list[bytes]) -> int:
        key, *pairs = args
        if len(pairs) % 2 or not pairs:
            raise ResponseError("wrong number of arguments for 'hset' command")
        fields = self.made(data, db, key, Hash)
        before = len(fields)
        fields.update(zip(pairs[::2], pairs[1::2], strict=True))
        return len(fields) - before

    def _hget(self, data: dict[bytes, Any], db: int, args: list[bytes]) -> Any:
        return (self.find(data, db, args[0], Hash) or {}).get(args[1])

    def _hexists(self, data: dict[bytes, Any], db: int, args: list[bytes]) -> int:
        return int(args[1] in (self.find(data, db, args[0], Hash) or {}))

    def _hdel(self, data: dict[bytes, Any], db: int, args: list[bytes]) -> int:
        fields = self.find(data, db, args[0], Hash) or {}
        count = sum(fields.pop(name, None) is not None for name in args[1:])
        if not fields:
            self.drop(data, db, args[0])
        return count

    def _hgetall(self, data: dict[bytes, Any], db: int, args: list[bytes]) -> list[bytes]:
        fields = self.find(data, db, args[0], Hash) or {}
        return [word for pair in fields.items() for word in pair]

    def _hlen(self, data: dict[bytes, Any], db: int, args: list[bytes]) -> int:
        return len(self.find(data, db, args[0], Hash) or {})

    # Sorted sets.

    def _zadd(self, data: dict[bytes, Any], db: int, args: list[bytes]) -> int:
        key, *pairs = args
        members = self.made(data, db, key, SortedSet)
        before = len(members)
        for score, member in zip(pairs[::2], pairs[1::2], strict=True):
            members[member] = float(score)
        return len(members) - before

    def _zrem(self, data: dict[bytes, Any], db: int, args: list[bytes]) -> int:
        members = self.find(data, db, args[0], SortedSet) or SortedSet()
        count = sum(members.pop(member, None) is not None for member in args[1:])
        if not members:
            self.drop(data, db, args[0])
        return count

    def _zscore(self, data: dict[bytes, Any], db: int, args: list[bytes]) -> Any:
        score = (self.find(data, db, args[0], SortedSet) or {}).get(args[1])
        return None if score is None else _score(score)

    def _zcard(self, data: dict[bytes, Any], db: int, args: list[bytes]) -> int:
        return len(self.find(data, db, args[0], SortedSet) or ())

    def _zrange(self, data: dict[bytes, Any], db: int, args: list[bytes]) -> list[bytes]:
        ordered = (self.find(data, db, args[0], SortedSet) or SortedSet()).ordered()
        first, last = int(args[1]), int(args[2])
        chosen = ordered[first : None if last == -1 else last + 1]
        if len(args) == 3:
            return [member for _, member in chosen]
        return [word for score, member in chosen for word in (member, _score(score))]

    def _zrangebyscore(self, data: dict[bytes, Any], db: int, args: list[bytes]) -> list[bytes]:
        members = self.find(data, db, args[0], SortedSet) or SortedSet()
        return [member for score, member in members.ordered() if _within(score, args[1], args[2])]

    def _zremrangebyscore(self, data: dict[bytes, Any], db: int, args: list[bytes]) -> int:
        found = self._zrangebyscore(data, db, args)
        return self._zrem(data, db, [args[0], *found]) if found else 0

    # Streams.

    def _xadd(self, data: dict[bytes, Any], db: int, args: list[bytes]) -> bytes:
        key, asked, *words = args
        stream = self.made(data, db, key, Stream)
        if asked == b"*":
            now_ms = self._now_us // 1000
            entry = (now_ms, 0) if now_ms > stream.last[0] else (stream.last[0], stream.last[1] + 1)
        else:
            entry = _id(asked, 0)
            if entry <= stream.last:
                raise ResponseError("The ID specified in XADD is equal or smaller than the target stream top item")
        stream.entries[entry] = words
        stream.last = entry
        name = b"%d-%d" % entry
        self.added(key, name, words)
        return name

    def _xlen(self, data: dict[bytes, Any], db: int, args: list[bytes]) -> int:
        stream = self.find(data, db, args[0], Stream)
        return len(stream.entries) if stream else 0

    def _xdel(self, data: dict[bytes, Any], db: int, args: list[bytes]) -> int:
        stream = self.find(data, db, args[0], Stream)
        count = 0
        for name in args[1:]:
            if stream and stream.entries.pop(_id(name, 0), None) is not None:
                count += 1
                self.removed(args[0], name)
        return count

    def _xrange(self, data: dict[bytes, Any], db: int, args: list[bytes]) -> list[Any]:
        return self._entries(data, db, args[0], args[1], args[2], args[3:], backwards=False)

    def _xrevrange(self, data: dict[bytes, Any], db: int, args: list[bytes]) -> list[Any]:
        return self._entries(data, db, args[0], args[2], args[1], args[3:], backwards=True)

    def _entries(
        self,
        data: dict[bytes, Any],
        db: int,
        key: bytes,
        low: bytes,
        high: bytes,
        more: list[bytes],
        *,
        backwards: bool,
    ) -> list[Any]:
        stream = self.find(data, db, key, Stream)
        if not stream or not stream.entries:
            return []
        if low == high and b"-" in low[1:]:  # one whole id
            ids = [_id(low, 0)] if _id(low, 0) in stream.entries else []
        else:
            bottom, top = _bound(low, 0), _bound(high, 1 << 64)
            ids = [entry for entry in stream.entries if bottom <= (*entry, 0) <= top]
        if backwards:
            ids.reverse()
        if more:
            ids = ids[: int(more[1])]
        return [[b"%d-%d" % entry, stream.entries[entry]] for entry in ids]


class Hash(dict[bytes, bytes]):
    """Fields in the order in which they came, as Redis keeps those of a small hash."""


class SortedSet(dict[bytes, float]):
    def ordered(self) -> list[tuple[float, bytes]]:
        return sorted((score, member) for member, score in self.items())


_COMMANDS: dict[bytes, Callable[[MemoryRedis, dict[bytes, Any], int, list[bytes]], Any]] = {
    name.removeprefix("_").upper().encode(): getattr(MemoryRedis, name)
    for name in [
        "_get",
        "_set",
        "_del",
        "_exists",
        "_incr",
        "_pexpire",
        "_expire",
        "_pttl",
        "_time",
        "_publish",
        "_hset",
        "_hget",
        "_hexists",
        "_hdel",
        "_hgetall",
        "_hlen",
        "_zadd",
        "_zrem",
        "_zscore",
        "_zcard",
        "_zrange",
        "_zrangebyscore",
        "_zremrangebyscore",
        "_xadd",
        "_xlen",
        "_xdel",
        "_xrange",
        "_xrevrange",
    ]
}


def _entries_shape(answer: Any, words: list[bytes]) -> Any:
    return [(entry, dict(zip(flat[::2], flat[1::2], strict=True))) for entry, flat in answer]


def _pairs_shape(answer: Any, words: list[bytes]) -> Any:
    return dict(zip(answer[::2], answer[1::2], strict=True))


_SHAPES: dict[bytes, Callable[[Any, list[bytes]], Any]] = {
    b"XRANGE": _entries_shape,
    b"XREVRANGE": _entries_shape,
    b"HGETALL": _pairs_shape,
}


def _bytes(word: Any) -> bytes:
    return word if isinstance(word, bytes) else word.encode() if isinstance(word, str) else str(word).encode()


def _lua_bytes(word: Any) -> bytes:
    """Return an argument of ``redis.call`` as Redis sees it: a number with up to 17 digits."""
    return word if isinstance(word, bytes) else b"%.17g" % word


def _score(score: float) -> bytes:
    return b"%d" % score if score == int(score) and abs(score) < 1e17 else b"%.17g" % score


def _within(score: float, low: bytes, high: bytes) -> bool:
    return _above(score, low) and _below(score, high)


def _above(score: float, low: bytes) -> bool:
    return score > float(low[1:]) if low.startswith(b"(") else score >= float(low)


def _below(score: float, high: bytes) -> bool:
    return score < float(high[1:]) if high.startswith(b"(") else score <= float(high)


def _id(name: bytes, second: int) -> Id:
    first, _, rest = name.partition(b"-")
    return int(first), int(rest) if rest else second


def _bound(name: bytes, second: int) -> tuple[float, float, float]:
    """Return what entries ``(first, second, 0)`` are compared with."""
    if name == b"-":
        return (-1, -1, 0)
    if name == b"+":
        return (float("inf"), 0, 0)
    if name.startswith(b"("):
        return (*_id(name[1:], 0), 0.5 if second == 0 else -0.5)
    return (*_id(name, second), 0)
