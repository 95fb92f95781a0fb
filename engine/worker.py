"""An engine worker: one job at a time from its socket, one verdict for each; ends when the socket does.

It may be killed at any moment: whatever it began is written down in Redis, and the next one goes on from there.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from db import codec
from db.errors import BadJson
from db.protocol import CommandResult
from db.settings import Settings
from engine.batch import send_batch
from engine.compose import compose
from engine.desk import Stores, open_desk
from engine.errors import BadJob
from engine.handle import handle
from engine.job import AnyJob, BatchJob, ComposeJob, FindJob, Job, TickJob, parse_job
from engine.limits import allow_cpu
from engine.lookup import look_up
from engine.tickers.run import run_tick
from engine.verdict import Verdict
from engine.wire import Wire

_PAGE = os.sysconf("SC_PAGE_SIZE")

log = logging.getLogger(__name__)


def serve(connection: socket.socket, settings: Settings) -> None:
    """Work until the platform closes the socket, or until this process should be replaced."""
    wire = Wire(connection)
    stores = Stores(settings)
    for count in range(1, settings.engine.jobs_per_worker + 1):
        line = _next_line(wire)
        if line is None:
            return
        job = _parsed(line)
        if job is None:
            return
        allow_cpu(job.left_s())
        verdict = _verdict(job, stores, wire)
        is_worn = count == settings.engine.jobs_per_worker or _memory_mb() > settings.engine.worker_memory_mb
        if not _report(wire, job, replace(verdict, retire=is_worn)) or is_worn:
            return


def _next_line(wire: Wire) -> bytes | None:
    """Return the next job's line, or None at the end."""
    try:
        return wire.read()
    except BadJob as error:
        log.error("worker stops error=%s", error)
        return None


def _parsed(line: bytes) -> AnyJob | None:
    try:
        return parse_job(line)
    except BadJob as error:
        log.error("worker stops error=%s", error)
        return None


def _verdict(job: AnyJob, stores: Stores, wire: Wire) -> Verdict:
    match job:
        case TickJob():
            verdict = run_tick(job, stores, lambda code: _keep_code(job, wire, code))
        case FindJob():
            verdict = look_up(job, stores)
        case ComposeJob():
            verdict = compose(job, stores, lambda item: _asker(item, wire), lambda item: _tell_begun(item, wire))
        case BatchJob():
            verdict = send_batch(job, stores)
        case Job(kind="answer"):
            verdict = handle(open_desk(job, stores, _asker(job, wire)))
        case _:
            return Verdict("fail", reason=f"kind {job.kind[:40]!r} is not known to this engine")
    if verdict.trace:
        log.error("job failed job=%s reason=%s", job.id, verdict.reason)
    return verdict


def _report(wire: Wire, job: AnyJob, verdict: Verdict) -> bool:
    """Send the verdict; False when the platform is gone, which then runs the event again."""
    try:
        wire.write(verdict.as_message(job.id))
    except OSError as error:
        log.warning("verdict not taken job=%s error=%s", job.id, error)
        return False
    return True


def _tell_begun(job: Job, wire: Wire) -> None:
    """Say whose fault it is when this worker ends now."""
    wire.write({"job": job.id, "begun": job.entry})


def _asker(job: Job, wire: Wire) -> Callable[[str], CommandResult]:
    """Return the way to the platform's commands, with the rights of whoever wrote this job's message."""
    number = 0

    def ask(line: str) -> CommandResult:
        nonlocal number
        number += 1
        of_whom = {"entry": job.entry} if job.kind == "compose" else {}
        wire.write({"job": job.id, "ask": {"id": number, "line": line, **of_whom}})
        answer = _answer(wire)
        return CommandResult(str(answer.get("text", "")), answer.get("data"), int(answer.get("exit_code", 0)))

    return ask


def _keep_code(job: TickJob, wire: Wire, code: str) -> None:
    """Have the platform, which has the key, store a bot's confirmation code. Raises ``BadJob`` when it is not."""
    wire.write({"job": job.id, "ask": {"id": 1, "confirmation": code}})
    if _answer(wire).get("is_kept") is not True:
        raise BadJob("the confirmation code was not stored")


def _answer(wire: Wire) -> dict[str, Any]:
    line = wire.read()
    try:
        answer = codec.loads(line or b"")["answer"]
    except (BadJson, KeyError, TypeError):
        raise BadJob("the platform's answer breaks the engine protocol") from None
    return answer if isinstance(answer, dict) else {}


def _memory_mb() -> float:
    """Return the resident memory of this process without files that it maps."""
    _size, resident, shared = Path("/proc/self/statm").read_text().split()[:3]
    return (int(resident) - int(shared)) * _PAGE / (1 << 20)
