"""What a ticker is, apart from what it does: its name, whose it is, its rhythm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from db.settings import TickerSettings


class Scope(StrEnum):
    """Whose a ticker is."""

    BOT = "bot"  # one for each bot, where its lane runs
    LEADER = "leader"  # one for all hosts, on the one that leads
    HOST = "host"  # one for each host; ticks even while Redis is silent


@dataclass(frozen=True, slots=True)
class Ticker:
    """One ticker. A tick that takes longer than its deadline is killed.

    ``recheck_s``: after a tick that found something wrong, or has more to do, the next one comes that soon. ``lamps``
    are lit by the parts of what it finds that have their names.
    """

    name: str
    scope: Scope
    period_s: Callable[[TickerSettings], float]
    deadline_s: Callable[[TickerSettings], float]
    recheck_s: float | None = None
    lamps: tuple[str, ...] = ()
    tells_health: bool = False  # what it finds is how its bot is
