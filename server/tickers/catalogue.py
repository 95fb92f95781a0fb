"""All tickers. A new one needs its file here, a body in ``engine/tickers/``, and its period in ``[tickers]``."""

from __future__ import annotations

from server.tickers import bot_health, match_index, normalise, storage_health

ALL = (bot_health.TICKER, storage_health.TICKER, normalise.TICKER, match_index.TICKER)
