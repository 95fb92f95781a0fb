"""When a ticker ticks, and which of those that are due go first. Pure: no clock, and the dice are given.

Ten lines rather than a library's scheduler: the state lies in Redis under our leases, and the platform's loop
needs no more than "when" and "who next".
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

from db.tickers import TickerState
from server.tickers.declare import Scope
from server.tickers.duty import Duty

JITTER = 0.05  # of a period: bots that were added together do not stay together
_FAR = 1.5  # periods: a later next tick was planned by another clock, or for another period


def first_due_ms(state: TickerState, period_s: float, now_ms: int) -> int:
    """Return when a ticker ticks that somebody begins to look after, in the rhythm that it has.

    At once when it never ticked. Ticks that were missed are made up for by a single one.
    """
    if state.next_ms is None or is_far(state.next_ms, period_s, now_ms):
        return now_ms
    return max(state.next_ms, now_ms)


def is_far(due_ms: int, period_s: float, now_ms: int) -> bool:
    """Say whether a tick is planned for a time that no plan of today reaches: the clock was set back since."""
    return due_ms > now_ms + period_s * 1000 * _FAR


def next_due_ms(due_ms: int, wait_s: float, now_ms: int, dice: random.Random) -> int:
    """Return when the tick after the one that was due at ``due_ms`` comes: lateness does not add up."""
    wait_ms = wait_s * 1000
    since_ms = due_ms if 0 <= now_ms - due_ms < wait_ms else now_ms
    return max(since_ms + round(wait_ms * dice.uniform(1 - JITTER, 1 + JITTER)), now_ms)


def chosen(due: Iterable[Duty], running: Sequence[Duty], workers: int) -> list[Duty]:
    """Return those that begin now: the quickest rhythms first, then those that waited longest.

    Ticks of bots leave one worker to the others, since VK may keep them all waiting.
    """
    free = workers - len(running)
    free_for_bots = workers - 1 - sum(duty.ticker.scope is Scope.BOT for duty in running)
    begun: list[Duty] = []
    for duty in sorted(due, key=lambda duty: (duty.period_s, duty.due_ms)):
        is_of_bot = duty.ticker.scope is Scope.BOT
        if len(begun) >= free:
            break
        if is_of_bot and free_for_bots <= 0:
            continue
        free_for_bots -= is_of_bot
        begun.append(duty)
    return begun
