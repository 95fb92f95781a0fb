"""Are Redis, MariaDB and the disk well? Each is asked by itself, with a time limit, over a connection of its own."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from typing import Any

import pymysql
import redis

from db import keys
from db.errors import SaloError
from db.links import maria_arguments, redis_client
from db.settings import Settings
from db.texts import N_
from engine.tickers.desk import TickDesk
from engine.tickers.finding import Finding, rounded_ms

ANSWER_S = 1.2  # for any answer of a server: both may hang, and the tick still ends in time
REFUSED_SHARE = 0.8  # of Redis' memory: from here on the callback servers take no events
WARN_SHARE = 0.6
CONNECTIONS_SHARE = 0.9
JOURNAL_LATE_S = 10.0  # that a row waits: the writer needs less than one
DISK_WARN_MB, DISK_BAD_MB = 1024, 256
DISK_REFUSES = N_("cannot write to its disk; make room there")
_MB = 1 << 20


def check(desk: TickDesk) -> Mapping[str, Finding]:
    """Return what is found of each."""
    settings, answer_s = desk.stores.settings, min(ANSWER_S, desk.left_s() / 4)
    redis_found = _asked(lambda: _redis(settings, answer_s))
    maria_found = _asked(lambda: _maria(settings, answer_s))
    if maria_found.state == "ok" and redis_found.state != "bad":
        maria_found = _asked(lambda: journal_state(maria_found, *_journal(settings, answer_s)))
    return {
        "redis": redis_found,
        "mariadb": maria_found,
        "disk": _asked(lambda: disk_state(shutil.disk_usage(settings.home).free // _MB, str(settings.home))),
    }


def _asked(ask: Callable[[], Finding]) -> Finding:
    try:
        return ask()
    except (redis.TimeoutError, TimeoutError):
        return Finding("bad", N_("does not answer"))
    except (redis.RedisError, pymysql.Error, SaloError, OSError) as error:
        if str(error).startswith("MISCONF"):  # it refuses even a ping
            return Finding("bad", DISK_REFUSES)
        if isinstance(error, pymysql.OperationalError) and "timed out" in str(error):
            return Finding("bad", N_("does not answer"))
        return Finding("bad", N_("cannot be reached: {error}"), {"error": str(error)[:200]})


def _redis(settings: Settings, answer_s: float) -> Finding:
    client = redis_client(settings, timeout_s=answer_s)
    try:
        client.info("server")  # connects
        started_s = time.monotonic()
        client.ping()
        ms = rounded_ms(time.monotonic() - started_s)
        memory: Any = client.info("memory")
        lasting: Any = client.info("persistence")
    finally:
        client.close()
    return redis_state(memory, lasting, ms)


def redis_state(memory: Mapping[str, Any], lasting: Mapping[str, Any], ms: float) -> Finding:
    """Return how Redis is by its ``INFO``."""
    if lasting.get("aof_last_write_status", "ok") != "ok":
        return Finding("bad", DISK_REFUSES, {}, ms)
    used, most = int(memory["used_memory"]), int(memory.get("maxmemory") or 0)
    values = {"used": used // _MB, "most": most // _MB}
    if not most:
        return Finding("ok", N_("memory {used} MiB"), values, ms)
    if used >= most * REFUSED_SHARE:
        text = N_("memory {used} of {most} MiB: new events are refused; raise [storage] redis_memory_mb, or clear "
                  "inboxes and dead letters")  # fmt: skip
        return Finding("bad", text, values, ms)
    if used >= most * WARN_SHARE:
        text = N_("memory {used} of {most} MiB: at {refused} new events are refused; raise [storage] redis_memory_mb")
        return Finding("warn", text, {**values, "refused": round(most / _MB * REFUSED_SHARE)}, ms)
    return Finding("ok", N_("memory {used} of {most} MiB"), values, ms)


def _maria(settings: Settings, answer_s: float) -> Finding:
    connection = pymysql.connect(**maria_arguments(settings, answer_s))
    try:
        with connection.cursor() as cursor:
            started_s = time.monotonic()
            cursor.execute("select 1")
            ms = rounded_ms(time.monotonic() - started_s)
            cursor.execute("show global status like 'Threads_connected'")
            used = cursor.fetchone()
            cursor.execute("select @@max_connections")
            most = cursor.fetchone()
    finally:
        connection.close()
    return maria_state(int(used[1]) if used else 0, int(most[0]) if most else 0, ms)


def maria_state(used: int, most: int, ms: float) -> Finding:
    """Return how MariaDB is by its connections."""
    values = {"used": used, "most": most}
    if most and used >= most * CONNECTIONS_SHARE:
        return Finding("warn", N_("{used} of {most} connections are taken; raise max_connections"), values, ms)
    return Finding("ok", N_("connections: {used} of {most}"), values, ms)


def _journal(settings: Settings, answer_s: float) -> tuple[int, float]:
    """Return how many rows wait to be written to all bases, and for how many seconds the oldest does."""
    client: Any = redis_client(settings, timeout_s=answer_s)
    try:
        seconds, micros = client.time()
        names = [keys.journal(name.decode()) for name in client.hkeys(keys.BASES)]
        pipeline = client.pipeline(transaction=False)
        for name in names:
            pipeline.xlen(name)
            pipeline.xrange(name, count=1)
        told = pipeline.execute()
    finally:
        client.close()
    oldest_ms = [int(found[0][0].partition(b"-")[0]) for found in told[1::2] if found]
    now_ms = seconds * 1000 + micros // 1000
    return sum(told[::2]), max((now_ms - min(oldest_ms)) / 1000, 0.0) if oldest_ms else 0.0


def journal_state(found: Finding, rows: int, oldest_s: float) -> Finding:
    """Return how MariaDB, which answers, is by what waits to be written there."""
    if oldest_s < JOURNAL_LATE_S:
        return found
    text = N_("answers, but {rows} rows wait to be written there, for {age} s and more; see logs/journal.log")
    return Finding("warn", text, {"rows": rows, "age": int(oldest_s) // 10 * 10}, found.ms)


def disk_state(free_mb: int, place: str) -> Finding:
    """Return how the disk of the state directory is by what is free of it."""
    if free_mb < DISK_BAD_MB:
        return Finding(
            "bad", N_("only {free} MiB are free for {place}; make room now"), {"free": free_mb, "place": place}
        )
    if free_mb < DISK_WARN_MB:
        return Finding("warn", N_("{free} MiB are free for {place}; make room"), {"free": free_mb, "place": place})
    return Finding(
        "ok", N_("free: {free} GiB"), {"free": f"{free_mb / 1024:.2g}" if free_mb < 10240 else free_mb // 1024}
    )
