"""One tick: finds the body, runs it, and turns whatever happens into a verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from db.texts import use_language
from engine.desk import Stores
from engine.handle import verdict_of
from engine.job import TickJob
from engine.tickers import bot_health, match_index, normalise, storage_health
from engine.tickers.desk import TickDesk
from engine.tickers.finding import Finding, report
from engine.verdict import Verdict

Body = Callable[[TickDesk], Mapping[str, Finding]]

BODIES: dict[str, Body] = {
    "bot_health": bot_health.check,
    "storage_health": storage_health.check,
    "normalise": normalise.work,
    "match_index": match_index.work,
}


def run_tick(job: TickJob, stores: Stores, keep_code: Callable[[str], None]) -> Verdict:
    """Return the verdict on one tick. Never raises for anything that VK or the storage can do."""
    body = BODIES.get(job.ticker)
    if body is None:
        return Verdict("fail", reason=f"ticker {job.ticker[:40]!r} is not known to this engine")
    desk = TickDesk(job, stores, keep_code)
    try:
        with use_language(stores.settings.platform.language):
            found = report(body(desk))
    except Exception as error:
        return verdict_of(error, 1, job.token)
    return Verdict("done", tick=found, slots_used=desk.slots_used)
