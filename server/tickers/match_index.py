"""``match_index``: this host's indexes of phrases are whole and up to date, also with rows written by hand."""

from __future__ import annotations

from server.tickers.declare import Scope, Ticker

TICKER = Ticker(
    "match_index",
    Scope.HOST,
    period_s=lambda settings: settings.match_index_s,
    deadline_s=lambda settings: settings.match_index_deadline_s,
)
