"""When tickers tick and which go first, by a clock that the test holds."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.settings import Settings
from db.tickers import Place, TickerState
from engine.tickers.run import BODIES
from server.tickers.bot_health import is_hint
from server.tickers.catalogue import ALL
from server.tickers.declare import Scope, Ticker
from server.tickers.duty import Duty
from server.tickers.schedule import JITTER, chosen, first_due_ms, next_due_ms
from tests.server.lanes import make_bot

NOW = 1_800_000_000_000
TIMES = st.integers(NOW - 10**9, NOW + 10**9)


def duty(scope: Scope, due_ms: int, period_s: float = 600.0) -> Duty:
    ticker = Ticker("x", scope, lambda _: period_s, lambda _: 1.0)
    bot, config = make_bot()
    is_of_bot = scope is Scope.BOT
    return Duty(
        ticker, Place("x", 0), period_s, bot if is_of_bot else None, config if is_of_bot else None, due_ms=due_ms
    )


@pytest.mark.parametrize(
    ("next_ms", "due_ms"),
    [
        (None, NOW),  # never ticked
        (NOW + 300_000, NOW + 300_000),  # a restart keeps the rhythm
        (NOW - 5, NOW),
        (NOW - 86_400_000, NOW),  # many were missed: one
        (NOW + 86_400_000, NOW),  # planned by a clock that was set back since
        (NOW + 1_000_000, NOW),  # by less than two periods
    ],
)
def test_whoever_takes_a_ticker_over_keeps_its_rhythm(next_ms: int | None, due_ms: int) -> None:
    assert first_due_ms(TickerState(next_ms=next_ms), 600.0, NOW) == due_ms


@given(due_ms=TIMES, wait_s=st.floats(0.5, 86_400), seed=st.integers())
def test_the_next_tick_comes_within_a_period_and_never_in_the_past(due_ms: int, wait_s: float, seed: int) -> None:
    planned = next_due_ms(due_ms, wait_s, NOW, random.Random(seed))
    assert NOW <= planned <= NOW + wait_s * 1000 * (1 + JITTER) + 1


def test_lateness_does_not_add_up() -> None:
    dice = random.Random(1)
    due_ms, ends = NOW, []
    for _ in range(200):
        now_ms = due_ms + 800  # each tick begins and ends late
        due_ms = next_due_ms(due_ms, 10.0, now_ms, dice)
        ends.append(due_ms)
    assert abs((ends[-1] - NOW) / 200 - 10_000) < 200


def test_ticks_of_bots_leave_a_worker_to_the_others() -> None:
    bots = [duty(Scope.BOT, NOW - number) for number in range(5)]
    storage = duty(Scope.HOST, NOW, 5.0)
    assert chosen([*bots, storage], [], 2) == [storage, bots[-1]]
    assert chosen(bots, [], 2) == [bots[-1]]
    assert chosen(bots, [bots[0]], 2) == []
    assert chosen([storage], [bots[0]], 2) == [storage]
    assert chosen([storage], [bots[0], duty(Scope.LEADER, NOW)], 2) == []
    assert chosen(bots, [], 4) == bots[:1:-1]


def test_every_ticker_has_a_body_a_rhythm_and_a_deadline() -> None:
    settings = Settings().tickers
    assert {ticker.name for ticker in ALL} == set(BODIES)
    for ticker in ALL:
        assert ticker.period_s(settings) > 0 and ticker.deadline_s(settings) > 0


def test_a_refused_token_is_known_by_how_a_message_ends() -> None:
    assert is_hint("buried", "VK error 5: User authorization failed: invalid access_token (4).")
    assert is_hint("buried", "VK error 27: Group authorization failed")
    assert not is_hint("buried", "VK error 500: whatever")
    assert not is_hint("done", "VK error 5: …")
