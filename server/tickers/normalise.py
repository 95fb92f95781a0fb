"""``normalise``: stored phrases get today's normalised form: those written by hand, and those of an older version."""

from __future__ import annotations

from server.tickers.declare import Scope, Ticker

TICKER = Ticker(
    "normalise",
    Scope.LEADER,
    period_s=lambda settings: settings.normalise_s,
    deadline_s=lambda settings: settings.normalise_deadline_s,
    recheck_s=1.0,
)
