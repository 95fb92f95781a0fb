"""Who plays when things break: many bots, each with people of its own, all of whom talk in private dialogs."""

from __future__ import annotations

import random
from collections.abc import Sequence

from server.demo.cast import Cast, Human, Role
from server.demo.chatter import Line, Speech

BASES = 2  # shared by the bots
_FIRST_GROUP, _FIRST_HUMAN, _FIRST_LARGE = 5001, 700_001, 200_000_000_501
_LARGE_EVERY = 5  # so many people have an id of the old kind to one of the new, large kind
_CHANCES = {"known": 60, "typo": 20, "unknown": 10, "command": 10}  # percent of what is said


def gather(bots: int, people: int) -> Cast:
    """Return ``bots`` bots with ``people`` people each; the people of a bot stand together."""
    roles = tuple(
        Role(f"bot{n:02}", _FIRST_GROUP + n, f"bot{n:02}", f"Бот {n}", f"base{n % BASES}", (f"бот{n}",))
        for n in range(bots)
    )
    humans = tuple(
        Human(_FIRST_HUMAN + n if n % _LARGE_EVERY else _FIRST_LARGE + n, f"Имя{n}", f"Фамилия{n}")
        for n in range(bots * people)
    )
    return Cast(roles, humans)


class Crowd:
    """Draws what is said next: any person of any bot, again and again."""

    def __init__(self, cast: Cast, lines: Sequence[Line], dice: random.Random) -> None:
        self._cast = cast
        self._people = len(cast.humans) // len(cast.roles)
        self._by_kind = {kind: [line.text for line in lines if line.kind == kind] for kind in _CHANCES}
        self._dice = dice

    def next(self) -> Speech:
        """Return what is said next."""
        at = self._dice.randrange(len(self._cast.humans))
        kind = self._dice.choices(list(_CHANCES), list(_CHANCES.values()))[0]
        role = self._cast.roles[at // self._people]
        return Speech(self._cast.humans[at], role, None, kind, self._dice.choice(self._by_kind[kind]))
