"""What a snapshot says of one bot and one process, with numbers rounded so that an idle platform looks the same."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any

import psutil

from db.bots import Bot
from db.protocol import BotInfo, Health, ProcessInfo
from server.dispatcher.dispatcher import LaneInfo
from server.dispatcher.hosts import HostInfo
from server.pause_words import health_with, pause_kind

_MIB = 1 << 20


def bot_info(bot: Bot, lane: LaneInfo, health: Health | None, unsolved: int | None) -> BotInfo:
    """Return what is shown of a bot."""
    recent = lane.recent
    return BotInfo(
        name=bot.name,
        bot_id=bot.bot_id,
        group_id=bot.group_id,
        base=bot.base,
        enabled=bot.enabled,
        lane=lane.lane,
        waiting=lane.waiting,
        in_flight=lane.in_flight,
        counters=lane.counters,
        title=bot.title,
        rate=recent.rate,
        p95_ms=recent.p95_ms,
        errors=recent.errors,
        unsolved=unsolved,
        last_ms=recent.last_ms,
        health=health_with(lane.pauses, health, bot.name),
        pause=pause_kind(lane.pauses),
        host=lane.host,
    )


def host_info(host: HostInfo) -> dict[str, Any]:
    """Return what is shown of a host: name, lanes, ``gone_ms`` (0: it lives, else how long not), whether it is ours."""
    gone_ms = max(int(steady_uptime(host.gone_ms / 1000) * 1000), 1) if host.gone_ms else 0
    return {**asdict(host), "gone_ms": gone_ms}


def worker_infos(pids: Iterable[int], kind: str = "worker") -> list[ProcessInfo]:
    """Return engine or ticker workers, which belong to their pool and not to the supervisor."""
    found = []
    for pid in pids:
        with suppress(psutil.Error):
            process = psutil.Process(pid)
            uptime, memory = max(time.time() - process.create_time(), 0.0), int(process.memory_info().rss)
            found.append(steady(ProcessInfo(kind, f"{kind}-{pid}", pid, "running", 0, uptime, memory)))
    return found


def steady(info: ProcessInfo) -> ProcessInfo:
    """Return a process with its uptime and memory as they are shown."""
    uptime = None if info.uptime is None else steady_uptime(info.uptime)
    return replace(info, uptime=uptime, memory=None if info.memory is None else round(info.memory / _MIB) * _MIB)


def steady_uptime(seconds: float) -> float:
    """Return an uptime in steps: of ten seconds in the first minute, of a minute later."""
    step = 10 if seconds < 60 else 60
    return float(max(seconds, 0.0) // step * step)
