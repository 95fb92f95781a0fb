"""Whole platforms whose storage fails while people talk: nothing is lost or doubled, and all goes on by itself.

Each platform is played once, through one fault after another; every fault is a test of its own, and so is the sum.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pymysql
import pytest

from db import keys
from db.dead import DeadLetter
from db.errors import SaloError
from db.links import maria_arguments, redis_client
from engine.matching.index_file import NAME
from server.chaos.belongings import of_home
from server.control_client import ControlClient
from server.demo.chatter import Chatter, read_lines
from server.demo.play import Play
from server.demo.score import Summary, summarise
from server.demo.stage import Stage, set_stage
from tests.services import wait_until

RATE = 22.0  # messages a second
TABLES = {"engine": {"workers": 3}, "tickers": {"storage_health_s": 1.0}}
BACK_S = 15.0  # from a fault's end to the next reply: a second or two, and much more on a busy machine
ANSWERED = 25  # people, while MariaDB does not serve: some two seconds' worth
DISK_MB = 200
REDIS, MARIA = ("redis-server", "redis-check-rdb"), ("mariadbd",)  # names of their processes


@dataclass
class Scene:
    """A stage on which people talk. ``disk`` is the small one it lies on, if there is one."""

    stage: Stage
    play: Play
    disk: Path | None
    seen: int = 0
    times_ms: list[float] = field(default_factory=list)  # of all replies

    async def reply_after(self, at_ms: float, within_s: float = BACK_S) -> float:
        """Wait for a reply that VK showed after ``at_ms`` and return how many seconds after."""
        async with asyncio.timeout(within_s):
            while True:
                later = [one for one in self.times_ms if one > at_ms]
                if later:
                    return (later[0] - at_ms) / 1000
                page = await self.stage.desk.read("/sent", after=self.seen, limit=1000, wait=1)
                for entry in page["sent"]:
                    self.seen = entry["n"]
                    self.times_ms.append(entry["at_ms"])

    def has_indexes(self) -> bool:
        """Is there an index of each base here? Without one nobody can answer while MariaDB is down."""
        state = self.stage.settings.state
        return all((state.index(base) / NAME).exists() for base in self.stage.cast.bases)

    def pid(self, names: Sequence[str]) -> int | None:
        for process in of_home(self.stage.settings.home):
            with suppress(psutil.Error):
                if process.name() in names:
                    return process.pid
        return None

    def living(self, names: Sequence[str]) -> int:
        wait_until(lambda: self.pid(names), 30)
        found = self.pid(names)
        assert found is not None
        return found

    def lamp(self, name: str) -> str:
        """Return what the operator reads beside a lamp; empty while nobody tells."""
        with suppress(SaloError, OSError), ControlClient.connect(self.stage.settings.state, 2) as client:
            lamp: dict[str, Any] = client.call("snapshot", {})["platform"]["lamps"].get(name, {})
            return f"{lamp.get('state')} {lamp.get('text')}"
        return ""

    def waiting(self) -> int:
        """Return how many messages wait in the inboxes, and rows in the journals."""
        names = [keys.inbox(role.name) for role in self.stage.cast.roles]
        names += [keys.journal(base) for base in self.stage.cast.bases]
        with closing(redis_client(self.stage.settings)) as client:
            return sum(int(client.xlen(name)) for name in names)


Fault = Callable[[Scene], Awaitable[None]]


@dataclass(frozen=True)
class Outcome:
    """What came of a play: for each fault the seconds to the next reply or what went wrong, and the sum."""

    faults: dict[str, float | BaseException]
    summary: Summary
    letters: list[DeadLetter]
    left: int


@asynccontextmanager
async def scene(disk: Path | None) -> AsyncIterator[Scene]:
    async with set_stage(TABLES, time_scale=0.01) as stage:
        yield Scene(stage, Play(stage, Chatter(read_lines(), random.Random(7))), disk)


async def played(faults: Sequence[Fault], disk: Path | None) -> Outcome:
    """Let people talk, and let the storage fail meanwhile in each of the ways."""
    outcomes: dict[str, float | BaseException] = {}
    async with scene(disk) as on:
        silent = asyncio.Event()
        following = asyncio.ensure_future(on.play.follow())
        talking = asyncio.ensure_future(on.play.talk(RATE, silent.is_set))
        await asyncio.to_thread(wait_until, on.has_indexes, 30)
        for fault in faults:
            try:
                await on.reply_after(time.time() * 1000)
                await fault(on)
                outcomes[fault.__name__] = await on.reply_after(time.time() * 1000)
            except (Exception, AssertionError) as error:
                outcomes[fault.__name__] = error
        silent.set()
        await talking
        found = await on.play.outcome()
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        home = on.stage.settings.home
    letters = {letter.event_id for letter in found.buried}
    summary = summarise(found.said, found.answers, found.remembered, letters)
    return Outcome(outcomes, summary, found.buried, len(of_home(home)))


@contextmanager
def small_disk() -> Iterator[Path | None]:
    """A disk that can be filled, where temporary files go meanwhile; None where we may not mount one."""
    place = Path(tempfile.mkdtemp(prefix="salo-disk-"))
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(place)]
    before = tempfile.tempdir
    mounted = shutil.which("mount") is not None and subprocess.run(mount, capture_output=True).returncode == 0
    try:
        if mounted:
            tempfile.tempdir = str(place)
        yield place if mounted else None
    finally:
        tempfile.tempdir = before
        if mounted:
            subprocess.run(["umount", "--lazy", str(place)], check=True)
        place.rmdir()


# What befalls Redis.


async def redis_stands_still(on: Scene) -> None:
    """VK is put off, and nobody hangs."""
    pid = on.living(REDIS)
    os.kill(pid, signal.SIGSTOP)
    try:
        end = time.monotonic() + 3.5
        url = f"{on.stage.callback_url}/health/ready"
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            assert answer.status == 503
        await asyncio.sleep(end - time.monotonic())
    finally:
        os.kill(pid, signal.SIGCONT)


async def redis_is_killed_again_and_again(on: Scene) -> None:
    for _number in range(3):
        os.kill(await asyncio.to_thread(on.living, REDIS), signal.SIGKILL)
        await asyncio.sleep(0.1)


async def redis_has_no_memory_left(on: Scene) -> None:
    """New events are refused, and those that wait are answered, settled and written."""
    slow = {"kind": "slow", "method": "messages.send", "ms": 800, "count": 4}
    await on.stage.desk.order("/faults", [slow, {**slow, "method": "execute"}])
    await asyncio.to_thread(wait_until, lambda: on.waiting() >= 8, 15, 0.02)
    with closing(redis_client(on.stage.settings)) as client:
        before = client.config_get("maxmemory")["maxmemory"]
        client.config_set("maxmemory", 1)
        try:
            await asyncio.to_thread(wait_until, lambda: on.waiting() == 0, 30, 0.05)
            await asyncio.to_thread(wait_until, lambda: on.lamp("redis").startswith("bad"), 15, 0.2)
            assert on.waiting() == 0
        finally:
            client.config_set("maxmemory", before)


async def redis_cannot_start_and_its_log_is_torn(on: Scene) -> None:
    """Given up, it would wait for half a minute; the torn end is cut off, and what was cut is kept."""
    home = on.stage.settings.state.redis
    away = home.with_name("redis.away")
    pid = await asyncio.to_thread(on.living, REDIS)
    home.rename(away)
    try:
        os.kill(pid, signal.SIGKILL)

        def is_given_up() -> bool:
            with ControlClient.connect(on.stage.settings.state, 5) as client:
                processes = client.call("snapshot", {})["processes"]
            return any(one["name"] == "redis" and one["state"] == "failed" for one in processes)

        await asyncio.to_thread(wait_until, is_given_up, 30, 0.1)
        log = max((away / "appendonlydir").glob("*.incr.aof"), key=lambda file: file.stat().st_mtime)
        with log.open("ab") as torn:
            torn.write(b"*3\r\n$3\r\nSET\r\n$5\r\nab" + bytes(4096) + b"\xff garbage")
    finally:
        away.rename(home)
    await asyncio.to_thread(wait_until, lambda: list(home.glob("*.torn")), 15)


async def the_disk_is_full(on: Scene) -> None:
    """The operator reads it, and nothing but room is needed."""
    if on.disk is None:
        return
    with filled(on.disk):

        def is_told() -> bool:
            return f"{on.stage.settings.state.redis}" in on.lamp("redis")

        await asyncio.to_thread(wait_until, is_told, 15, 0.1)
        await asyncio.sleep(0.5)  # a try or two


@contextmanager
def filled(disk: Path) -> Iterator[None]:
    """Leave no room on a disk."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            with suppress(OSError):
                while file.write(b"x" * size) == size:
                    pass
    yield
    filler.unlink()


# What befalls MariaDB. People are answered all the time.


async def talk_goes_on(on: Scene) -> None:
    """Return when many were answered while MariaDB does not serve: more than those who were under way or lucky."""
    since_ms = time.time() * 1000
    async with asyncio.timeout(10.0):  # three times what it takes
        while len([at_ms for at_ms in on.times_ms if at_ms > since_ms]) < ANSWERED:
            await on.reply_after(max(since_ms, *on.times_ms))


async def mariadb_stands_still(on: Scene) -> None:
    pid = on.living(MARIA)
    os.kill(pid, signal.SIGSTOP)
    try:
        await talk_goes_on(on)
    finally:
        os.kill(pid, signal.SIGCONT)


async def all_tables_are_locked(on: Scene) -> None:
    def lock(base: str) -> pymysql.Connection[Any]:
        connection = connected(on, base)
        with connection.cursor() as cursor:
            cursor.execute("SHOW TABLES")
            tables = ", ".join(f"`{name}` WRITE" for (name,) in cursor.fetchall())
            cursor.execute(f"LOCK TABLES {tables}")
        return connection

    connections = [await asyncio.to_thread(lock, base) for base in on.stage.cast.bases]
    try:
        await talk_goes_on(on)
    finally:
        for connection in connections:
            connection.close()


async def no_connection_is_left(on: Scene) -> None:
    """Others have all, and ours are gone."""

    def take_all() -> list[pymysql.Connection[Any]]:
        taken: list[pymysql.Connection[Any]] = [connected(on)]
        for _round in range(2):
            mine = {connection.thread_id() for connection in taken}
            with taken[0].cursor() as cursor:
                cursor.execute("SHOW PROCESSLIST")
                others = [row[0] for row in cursor.fetchall() if row[1] == "salo" and row[0] not in mine]
                for number in others:
                    with suppress(pymysql.Error):
                        cursor.execute(f"KILL {number}")
            with suppress(pymysql.Error):
                while True:
                    taken.append(connected(on))
        return taken

    taken = await asyncio.to_thread(take_all)
    try:
        assert len(taken) > 140
        await talk_goes_on(on)
    finally:
        for connection in taken:
            connection.close()


async def mariadb_dies_within_a_transaction(on: Scene) -> None:
    """The writer has added history and waits for the lock of a person when the server is killed."""
    base = on.stage.cast.bases[0]

    def is_within(cursor: Any) -> bool:
        cursor.execute("SHOW PROCESSLIST")
        return any("INTO `user`" in str(row[7]) for row in cursor.fetchall())

    def hold_and_kill() -> None:
        with closing(connected(on, base)) as holder, closing(connected(on)) as looker, holder.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("SELECT * FROM user FOR UPDATE")
            with looker.cursor() as looking:
                wait_until(lambda: is_within(looking), 15, 0.02)
            os.kill(on.living(MARIA), signal.SIGKILL)

    await asyncio.to_thread(hold_and_kill)


async def mariadb_is_away(on: Scene) -> None:
    home = on.stage.settings.state.mariadb
    away = home.with_name("mariadb.away")
    pid = await asyncio.to_thread(on.living, MARIA)
    home.rename(away)
    try:
        os.kill(pid, signal.SIGKILL)
        await talk_goes_on(on)
    finally:
        away.rename(home)


def connected(on: Scene, base: str = "") -> pymysql.Connection[Any]:
    return pymysql.connect(**maria_arguments(on.stage.settings), database=f"salo_{base}" if base else None)


OF_REDIS: list[Fault] = [
    redis_stands_still,
    redis_is_killed_again_and_again,
    redis_has_no_memory_left,
    the_disk_is_full,
    redis_cannot_start_and_its_log_is_torn,
]
OF_MARIA: list[Fault] = [
    mariadb_stands_still,
    all_tables_are_locked,
    no_connection_is_left,
    mariadb_dies_within_a_transaction,
    mariadb_is_away,
]


@pytest.fixture(scope="module")
def redis_play() -> Iterator[tuple[Outcome, bool]]:
    with small_disk() as disk:
        yield asyncio.run(played(OF_REDIS, disk)), disk is not None


@pytest.fixture(scope="module")
def maria_play() -> Outcome:
    return asyncio.run(played(OF_MARIA, None))


@pytest.mark.parametrize("fault", [fault.__name__ for fault in OF_REDIS])
def test_talk_goes_on_by_itself_after(fault: str, redis_play: tuple[Outcome, bool]) -> None:
    outcome, has_disk = redis_play
    if fault == the_disk_is_full.__name__ and not has_disk:
        pytest.skip("a disk that can be filled needs the right to mount one")
    check(outcome, fault)


@pytest.mark.parametrize("fault", [fault.__name__ for fault in OF_MARIA])
def test_talk_goes_on_while(fault: str, maria_play: Outcome) -> None:
    check(maria_play, fault)


def test_redis_faults_lose_and_double_nothing(redis_play: tuple[Outcome, bool]) -> None:
    check_sum(redis_play[0])


def test_mariadb_faults_lose_and_double_nothing(maria_play: Outcome) -> None:
    check_sum(maria_play)


def check(outcome: Outcome, fault: str) -> None:
    after_s = outcome.faults[fault]
    if isinstance(after_s, BaseException):
        raise after_s
    assert after_s < BACK_S


def check_sum(outcome: Outcome) -> None:
    assert outcome.summary.is_clean, outcome.summary
    assert not outcome.letters, [letter.reason for letter in outcome.letters]
    assert outcome.left == 0
