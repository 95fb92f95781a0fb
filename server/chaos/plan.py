"""What is hurt next, and how. Pure: the same dice plan the same harms."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

Kind = Literal["worker", "zygote", "ticker", "journal", "callback", "platform", "redis", "mariadb"]
How = Literal["kill", "stop"]

KINDS: tuple[Kind, ...] = ("worker", "zygote", "ticker", "journal", "callback", "platform", "redis", "mariadb")
PAUSE_S = (0.5, 3.0)  # between two harms
STOP_S = 10.0  # a stopped process goes on after so long
_STOPS = 0.15  # share of harms that stop a process instead of killing it


@dataclass(frozen=True, slots=True)
class Step:
    """One harm to come: after ``pause_s``, to a process of a kind. ``spot`` (0 to 1) chooses one of several."""

    pause_s: float
    kind: Kind
    how: How
    spot: float


class Plan:
    """Draws harms. Kinds come in rounds, each shuffled, so that none is left out for long."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self._round: list[Kind] = []

    def next(self) -> Step:
        if not self._round:
            self._round = list(KINDS)
            self._dice.shuffle(self._round)
        how: How = "stop" if self._dice.random() < _STOPS else "kill"
        return Step(self._dice.uniform(*PAUSE_S), self._round.pop(), how, self._dice.random())
