"""This host's claims on lanes: taken, renewed together, given back, inherited from a dead predecessor."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from db import keys
from db.inbox import Call
from db.scripts import Script
from server.dispatcher.batching import BatchedRedis

_TAKE, _RENEW, _RELEASE, _INHERIT = (Script(f"lease_{name}") for name in ("take", "renew", "release", "inherit"))

_OURS, _FREE = 1, 2  # what a lease is, after a taking


@dataclass(slots=True)
class _Held:
    value: str
    until_s: float  # monotonic; Redis may count it as ours for longer, never for shorter


class Leases:
    """The leases of one host. A value is new at every taking, so that nobody is mistaken for an earlier owner."""

    def __init__(
        self,
        redis: BatchedRedis,
        host_id: str,
        lease_s: float,
        clock: Callable[[], float] | None = None,
        key: Callable[[str], str] = keys.lease,
    ) -> None:
        self._redis = redis
        self._host_id = host_id
        self._lease_s = lease_s
        self._clock = clock or time.monotonic
        self._key = key
        self._held: dict[str, _Held] = {}
        self._asked: dict[str, str] = {}  # values that may have been taken: the answer was lost
        self._free: dict[str, float] = {}  # since when (monotonic) those are seen free that were not taken

    def __contains__(self, bot: str) -> bool:
        return bot in self._held

    def value(self, bot: str) -> str:
        return self._held[bot].value

    def is_sure(self, bot: str) -> bool:
        """Say whether the last renewal was sent less than a lease ago: later somebody else may be the owner."""
        held = self._held.get(bot)
        return held is not None and self._clock() < held.until_s

    async def inherit(self, bots: Sequence[str]) -> int:
        """Drop the leases of the dead platform that had our host id. Only for who holds the state directory's lock."""
        names = [self._key(bot) for bot in bots]
        return int(await self._run(_INHERIT, names, [f"{self._host_id}:"])) if names else 0

    async def take(self, bots: Iterable[str], most: int | None = None) -> list[str]:
        """Take the free ones among ``bots``, up to ``most``; returns those that are ours now.

        One that was free for a whole lease is taken beyond that: whoever it was left to does not take it.
        """
        fresh = {bot: self._asked.get(bot) or self._new_value() for bot in bots if bot not in self._held}
        self._asked.update(fresh)
        sent_s = self._clock()
        left = [bot for bot in fresh if sent_s - self._free.get(bot, sent_s) >= self._lease_s]
        fresh = {bot: fresh[bot] for bot in (*left, *fresh)}
        count = len(fresh) if most is None else max(most, len(left))
        answers = await self._owned(_TAKE, fresh, count)
        self._asked.clear()
        states = dict(zip(fresh, answers, strict=True))
        self._free = {bot: self._free.get(bot, sent_s) for bot, state in states.items() if state == _FREE}
        taken = [bot for bot, state in states.items() if state == _OURS]
        for bot in taken:
            self._held[bot] = _Held(fresh[bot], sent_s + self._lease_s)
        return taken

    async def renew(self) -> list[str]:
        """Renew all; returns those that were lost, and forgets them."""
        values = {bot: held.value for bot, held in self._held.items()}
        sent_s = self._clock()
        answers = await self._owned(_RENEW, values)
        lost = []
        for (bot, value), answer in zip(values.items(), answers, strict=True):
            held = self._held.get(bot)
            if held is None or held.value != value:
                continue  # given back meanwhile
            if answer == 1:
                held.until_s = sent_s + self._lease_s
            else:
                del self._held[bot]
                lost.append(bot)
        return lost

    async def release(self, bots: Iterable[str]) -> None:
        """Give back those that we hold, and tell the other hosts."""
        values = {bot: self._held[bot].value for bot in bots if bot in self._held}
        if values:
            names = [self._key(bot) for bot in values]
            await self._run(_RELEASE, names, [keys.LEASES_RELEASED, *values.values()])
        for bot in values:
            self._held.pop(bot, None)

    async def release_all(self) -> None:
        """Give back all, also those whose taking was given up before it was answered: they may be ours."""
        for bot, value in self._asked.items():
            self._held.setdefault(bot, _Held(value, self._clock()))
        self._asked.clear()
        await self.release(list(self._held))

    def forget(self, bot: str) -> None:
        """Stop counting a lease as ours without telling Redis."""
        self._held.pop(bot, None)

    def _new_value(self) -> str:
        return f"{self._host_id}:{secrets.token_hex(8)}"

    async def _owned(self, script: Script, values: dict[str, str], *more: int) -> list[int]:
        if not values:
            return []
        names = [self._key(bot) for bot in values]
        answer = await self._run(script, names, [int(self._lease_s * 1000), *more, *values.values()])
        return list(answer)

    async def _run(self, script: Script, names: Sequence[str], args: Sequence[str | int]) -> Any:
        return await self._redis.run(Call(script, tuple(names), tuple(args)))
