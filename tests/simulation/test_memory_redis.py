"""The Redis in memory answers as redis-server does: the same random commands and scripts on both, from seeds."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import redis

from db import inbox, keys
from db.accept import Event, accept_words
from db.inbox import BATCH, Call, Claim, Entry, parse_entry
from db.scripts import Script
from tests.services import RedisService, wait_until
from tests.simulation.memory_redis import MemoryRedis

SEEDS = range(2)
STEPS = 120
BY_CLIENTS = ("GET", "XLEN", "XRANGE")  # what our own code asks without a script
CALL = "return redis.call(unpack(ARGV))"


class Both:
    """One command goes to both; the one in memory has the clock of the other."""

    def __init__(self, service: RedisService) -> None:
        self.clients = {0: service.client(), 3: service.client(3)}
        self.clients[0].flushall()
        self.memory = MemoryRedis(self._now_us)
        self._us = 0

    def ask(self, *words: Any) -> tuple[Any, Any]:
        """Return both answers, or the kinds of both errors."""
        return self._ask(words, words)

    def run(self, call: Call) -> tuple[Any, Any]:
        """Return both answers to a script. Each side has given the same entry a number of its own."""
        inbox_key = keys.inbox("anna")
        theirs = [entry.decode() for entry, _ in self.clients[0].xrange(inbox_key)]
        ours = [entry.decode() for entry, _ in self.memory.execute(("XRANGE", inbox_key, "-", "+"))]
        own = dict(zip(theirs, ours, strict=True))

        def translated(word: Any) -> Any:
            name = word.rsplit(":", 1)[-1] if isinstance(word, str) else ""
            return word.replace(name, own[name]) if name in own else word

        words = ("EVAL", call.script.text, len(call.keys), *call.keys, *call.args)
        return self._ask(words, [translated(word) for word in words])

    def _ask(self, words: Sequence[Any], ours: Sequence[Any]) -> tuple[Any, Any]:
        seconds, us = self.clients[0].time()
        self._us = seconds * 1_000_000 + us
        return _outcome(lambda: self.clients[0].execute_command(*words)), _outcome(lambda: self.memory.execute(ours))

    def _now_us(self) -> int:
        return self._us


def _outcome(ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except redis.ResponseError as error:
        return type(error).__name__, str(error)[:9] == "WRONGTYPE"


def a_command(dice: random.Random) -> list[Any]:
    """Return a command that our scripts use, on a few keys of every kind."""
    number = dice.randrange
    key = dice.choice(("s", "h", "z", "x"))
    score = dice.choice((number(9), 1_700_000_000_123_456 + number(9), 2.5))
    low, high = dice.choice(("-inf", "2", "(2")), dice.choice(("+inf", "5", "(5"))
    entry = f"{1 + number(4)}-{number(4)}"
    bounds = dice.choice((["-", "+"], [entry, entry], [f"({entry}", "+"], ["1", "2"], ["-", f"({entry}"]))
    return dice.choice(
        (
            ["SET", "s", number(9)],
            ["SET", key, number(9), dice.choice(("PX", "EX")), 100_000],
            ["GET", key],
            ["INCR", "s"],
            ["DEL", key],
            ["EXISTS", key],
            ["PEXPIRE", key, dice.choice((0, 100_000))],
            ["EXPIRE", key, 1000],
            ["PUBLISH", "c", "m"],
            ["HSET", "h", number(5), "a", number(5), "b"],
            ["HGET", key, number(5)],
            ["HEXISTS", "h", number(5)],
            ["HDEL", "h", number(5), number(5)],
            ["HGETALL", key],
            ["HLEN", key],
            ["ZADD", "z", score, f"m{number(5)}"],
            ["ZREM", "z", f"m{number(5)}"],
            ["ZSCORE", "z", f"m{number(5)}"],
            ["ZCARD", key],
            ["ZRANGE", "z", dice.choice((0, 1)), dice.choice((0, 2, -1))],
            ["ZRANGEBYSCORE", "z", low, high],
            ["ZREMRANGEBYSCORE", "z", low, dice.choice(("2", "(3"))],
            ["XADD", "x", entry, "f", number(9)],
            ["XLEN", key],
            ["XDEL", "x", entry],
            ["XRANGE", "x", *bounds],
            ["XRANGE", "x", *bounds, "COUNT", 2],
            ["XREVRANGE", "x", "+", "-", "COUNT", dice.choice((1, 3))],
        )
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_commands_have_the_same_answers(redis_service: RedisService, seed: int) -> None:
    """Each from a client or from Lua, whose numbers, nils and tables differ."""
    dice, both = random.Random(seed), Both(redis_service)
    for _ in range(STEPS):
        words = a_command(dice)
        if words[0] == "ZRANGE" and dice.random() < 0.5:
            words = [*words, "WITHSCORES"]
        if dice.random() < 0.7 or words[0] not in BY_CLIENTS:
            words = ["EVAL", CALL, 0, *words]
        real, ours = both.ask(*words)
        assert ours == real, words
        assert both.memory.existing() == sorted(both.clients[0].keys()), words


@pytest.mark.parametrize("seed", SEEDS)
def test_our_scripts_do_the_same(redis_service: RedisService, seed: int) -> None:
    """The life of a lane in random order, by two owners of whom one holds the lease."""
    dice, both = random.Random(seed), Both(redis_service)
    for _ in range(STEPS // 2):
        call = a_call(dice, both)
        real, ours = both.run(call)
        assert plain(ours) == plain(real), (call.script, call.keys, call.args)
        for number in both.clients:
            assert contents(both, number)[0] == contents(both, number)[1], (call.script, call.args)


def a_call(dice: random.Random, both: Both) -> Call:
    claim = Claim("anna", 103, "phrases", 3, dice.choice(("h:1", "h:1", "h:1", "h:2")))
    entries = [parse_entry(*entry) for entry in both.clients[0].xrange(keys.inbox("anna"), count=BATCH)]
    if not entries or dice.random() < 0.2:
        event = Event(103, f"e{dice.randrange(30)}", "message_new", 7, dice.randrange(30), 7, b'{"a":"\xd0\xb0"}')
        names, args = accept_words("anna", event, dice.choice((0, 0, 0, 1)), 8)
        return Call(Script("accept"), tuple(names), tuple(args))
    entry: Entry = dice.choice(entries)
    if dice.random() < 0.1:
        entry = parse_entry(b"5-5", {})  # one that is gone
    lease, mark = keys.lease("anna"), keys.reply_mark(103, entry.entry)
    attempt, used = dice.choice((1, 2)), dice.choice((-1, 0, 1, 2))
    slot = (claim.lease, entry.entry, attempt, dice.choice((1, 2)), 3, 3, 1_010_000, 90_000_000, 0)
    calls = (
        Call(
            Script(f"lease_{dice.choice(('take', 'take', 'renew'))}"), (lease, "lease:b"), (90_000, claim.lease, "h:9")
        ),
        Call(Script("lease_release"), (lease, "lease:b"), ("c", claim.lease, "h:9")),
        Call(Script("lease_inherit"), (lease, "lease:b"), (dice.choice(("h:", "g:")),)),
        inbox.open_lane(claim),
        inbox.hand_out(claim, entry, attempt, 3, 60_000),
        inbox.hand_out(claim, entry, attempt, 3, 60_000),
        inbox.retry(claim, entry, attempt, 5000, "почему", counted=dice.random() < 0.5, slots_used=used),
        inbox.close(claim, entry, dice.choice((0, attempt)), [{"op": "x"}], slots_used=used),
        inbox.close(claim, entry, attempt, [], slots_used=used, unless_marked=True),
        inbox.bury(claim, entry, attempt, "why", None, slots_used=used),
        Call(Script("mark_begin"), (lease, mark, "peer:7"), (claim.lease, "{}", 90_000, 3, 900, "a", "b")),
        Call(Script("mark_read"), (lease, mark), (claim.lease,)),
        Call(Script("mark_sent"), (lease, mark), (claim.lease, 0, dice.choice(("", "5")))),
        Call(Script("mark_drop"), (lease, mark), (claim.lease, dice.choice((0, 90_000)))),
        Call(Script("slot_take"), (lease, keys.RATE), slot),
        Call(Script("slot_end"), (lease, keys.RATE), (claim.lease, entry.entry, attempt, 3, used, "900000,1010000")),
        Call(Script("lane_pause"), (lease, keys.pauses("anna")), (claim.lease, "vk", dice.choice(("", "{}")))),
    )
    return dice.choice(calls)


def plain(value: Any) -> Any:
    """Return an answer or contents without what the clocks of two servers make different, entries by their order."""
    text = re.sub(r"\d{13}-\d+", "ENTRY", repr(value))
    text = re.sub(r"(wait', )\d+", r"\1MS", text)
    return re.sub(r"\d{4,}(\.\d+)?(e\+\d+)?", "TIME", text)


def contents(both: Both, db: int) -> tuple[str, str]:
    """Return all that both hold in a database."""
    client, found = both.clients[db], []
    for key in sorted(client.keys()):
        kind = client.type(key)
        found.append(
            (
                key,
                client.get(key)
                if kind == b"string"
                else client.hgetall(key)
                if kind == b"hash"
                else client.execute_command("ZRANGE", key, 0, -1)
                if kind == b"zset"
                else client.xrange(key),
                client.pttl(key) > 0,
            )
        )
    ours = []
    for key in both.memory.existing(db):
        commands: tuple[tuple[Any, ...], ...] = (
            ("GET", key),
            ("HGETALL", key),
            ("ZRANGE", key, 0, -1),
            ("XRANGE", key, "-", "+"),
        )
        answers = (_outcome(lambda words=words: both.memory.execute(words, db)) for words in commands)  # type: ignore[misc]
        value = next(answer for answer in answers if answer != ("ResponseError", True))
        ours.append((key, value, both.memory.execute(("PTTL", key), db) > 0))
    return plain(found), plain(ours)


def test_a_key_is_gone_when_its_time_is_over(redis_service: RedisService) -> None:
    both = Both(redis_service)
    both.ask("SET", "s", "v", "PX", 40)
    assert both.ask("GET", "s")[1] == b"v"
    wait_until(lambda: both.clients[0].get("s") is None)
    assert both.ask("GET", "s") == (None, None)
    assert both.ask("PTTL", "s") == (-2, -2)


def test_scripts_are_forgotten_at_a_restart_and_data_is_not() -> None:
    memory = MemoryRedis(lambda: 0)
    script = Script("lease_inherit")
    memory.execute(("SET", "l", "here:1"))
    assert memory.execute(("EVAL", script.text, 1, "l", "there:")) == 0
    assert memory.execute(("EVALSHA", script.sha, 1, "l", "there:")) == 0
    memory.forget_scripts()
    with pytest.raises(redis.exceptions.NoScriptError):
        memory.execute(("EVALSHA", script.sha, 1, "l", "here:"))
    assert memory.execute(("EVAL", script.text, 1, "l", "here:")) == 1
