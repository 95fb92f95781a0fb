"""Phrases for an engine that has none: workers of ours look them up, beside those of the other engine."""

from __future__ import annotations

from typing import Any

from server.dispatcher.pool import Pool, WorkerDied

FIND_S = 5.0  # for one phrase; the first of a base reads its book


class NotFindable(Exception):
    """The phrase could not be looked up now."""


class Finder:
    """Looks phrases up with the workers of ``pool``."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def find(self, job: dict[str, Any], text: str, names: dict[str, str]) -> dict[str, Any]:
        """Return ``{"text": … or None, "match": {…}}`` for what was said in a job. Raises ``NotFindable``."""
        worker = await self._pool.acquire()
        try:
            verdict = await worker.run(find_job(job, text, names), FIND_S, _refuse)
        except WorkerDied as error:
            raise NotFindable(str(error)) from None
        finally:
            worker.release()
        if verdict.outcome not in ("done", "unsolved"):
            raise NotFindable(verdict.reason)
        reply = verdict.raw.get("reply")
        return {"text": reply["parts"][0]["text"] if reply else None, "match": verdict.raw.get("match")}


def find_job(job: dict[str, Any], text: str, names: dict[str, str]) -> dict[str, Any]:
    """Return the job to look up what was said in ``job``. It holds no token."""
    return {
        "job": f"{job['job']}:find",
        "kind": "find",
        "bot": job["bot"],
        "text": text,
        "names": {**(job["person"] or {}), **names},
        "event_id": str(job["event"].get("event_id") or job["entry"]),
        "base_delta": job["base_delta"],
        "deadline_ms": int(FIND_S * 1000),
    }


async def _refuse(ask: dict[str, Any]) -> dict[str, Any]:
    return {"id": ask.get("id"), "text": "a search asks nobody", "data": None, "exit_code": 1}
