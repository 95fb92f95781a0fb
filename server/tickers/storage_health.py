"""``storage_health``: how Redis, MariaDB and the disk of this host are."""

from __future__ import annotations

from server.tickers.declare import Scope, Ticker

TICKER = Ticker(
    "storage_health",
    Scope.HOST,
    period_s=lambda settings: settings.storage_health_s,
    deadline_s=lambda settings: settings.storage_health_deadline_s,
    recheck_s=1.0,
    lamps=("redis", "mariadb", "disk"),
)
