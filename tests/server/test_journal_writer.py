"""The journal writer as a process: it finds its work, and kills of it and of MariaDB double and lose nothing."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis

from db import codec, keys
from db.bases import BaseStore
from db.errors import StorageUnavailable
from db.models import History, Unsolved
from db.settings import Settings, load_settings
from server.journal.writer import backoff_s
from tests.server.test_journal_rows import history, unsolved
from tests.services import MariaService, RedisService, start_maria, start_redis, wait_until

ROOT = Path(__file__).parents[2]


class WriterProcess:
    """A journal writer that a test starts, kills and starts again."""

    def __init__(self, config: Path, home: Path) -> None:
        self._argv = [sys.executable, "-m", "server.journal", "--config", str(config)]
        self._home = home
        self.log = home / "journal.log"
        self.start()

    def start(self) -> None:
        environ = {"SALO_HOME": str(self._home), "PATH": "/usr/bin"}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self._argv, cwd=ROOT, env=environ, stdout=log, stderr=log)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def terminate(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(10)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    directory = tmp_path / "home"
    directory.mkdir()
    return directory


@pytest.fixture
def writer(base_store: BaseStore, storage_settings: Path, home: Path) -> Iterator[WriterProcess]:
    started = WriterProcess(storage_settings, home)
    yield started
    started.kill()


def say(client: redis.Redis, base: str, *rows: object) -> None:
    """Write one entry and wake the writer, as a lane does."""
    client.xadd(keys.journal(base), {"ops": codec.dumps(list(rows))})
    client.publish(keys.journal_wake(base), "")


def drained(client: redis.Redis, *bases: str) -> bool:
    return not any(client.xlen(keys.journal(base)) for base in bases)


def counted(store: BaseStore, base: str) -> tuple[int, int, int]:
    """Return history rows, different events among them, and how often something was unsolved."""
    opened = store.open(base)
    try:
        with opened.unit():
            rows = [row.event_id for row in History.select(History.event_id)]
            return len(rows), len(set(rows)), sum(row.times for row in Unsolved.select())
    finally:
        opened.close()


def test_bases_made_later_are_found_and_news_are_written_soon(
    writer: WriterProcess, base_store: BaseStore, clean_redis: redis.Redis
) -> None:
    base_store.create("first")
    say(clean_redis, "first", history())
    wait_until(lambda: drained(clean_redis, "first"), 10)
    base_store.create("second")
    say(clean_redis, "second", history())
    say(clean_redis, "first", history(event_id="e2"))
    wait_until(lambda: drained(clean_redis, "first", "second"), 5)
    assert counted(base_store, "first")[:2] == (2, 2)
    assert counted(base_store, "second")[:2] == (1, 1)


def test_base_that_cannot_be_written_stops_no_other(
    writer: WriterProcess, base_store: BaseStore, clean_redis: redis.Redis
) -> None:
    for name in ("broken", "fine"):
        base_store.create(name)
    broken = base_store.open("broken")
    with broken.unit():
        broken.database.execute_sql("RENAME TABLE history TO away")
    for number in range(300):
        say(clean_redis, "broken", history(event_id=f"e{number}"))
        say(clean_redis, "fine", history(event_id=f"e{number}"))
    wait_until(lambda: drained(clean_redis, "fine"), 10)
    assert clean_redis.xlen(keys.journal("broken")) == 300
    with broken.unit():
        broken.database.execute_sql("RENAME TABLE away TO history")
    wait_until(lambda: drained(clean_redis, "broken"), 15)
    broken.close()
    assert counted(base_store, "broken")[:2] == (300, 300)


def test_stop_ends_after_the_batch_and_gives_the_leases_back(
    writer: WriterProcess, base_store: BaseStore, clean_redis: redis.Redis
) -> None:
    base_store.create("main")
    for number in range(2000):
        say(clean_redis, "main", history(event_id=f"e{number}"))
    wait_until(lambda: clean_redis.xlen(keys.journal("main")) < 2000, 10)
    assert writer.terminate() == 0, writer.log.read_text()
    left = clean_redis.xlen(keys.journal("main"))
    assert counted(base_store, "main")[0] == 2000 - left
    assert not clean_redis.exists(keys.journal_lease("main"))


def test_journal_leased_by_another_host_is_left_to_it(
    writer: WriterProcess, base_store: BaseStore, clean_redis: redis.Redis
) -> None:
    clean_redis.set(keys.journal_lease("main"), "another:journal", px=1500)
    base_store.create("main")
    base_store.create("free")
    say(clean_redis, "main", history())
    say(clean_redis, "free", history())
    wait_until(lambda: drained(clean_redis, "free"), 10)
    was_drained = drained(clean_redis, "main")
    if clean_redis.get(keys.journal_lease("main")) == b"another:journal":  # a slow machine may be past it
        assert not was_drained
    wait_until(lambda: drained(clean_redis, "main"), 10)


@dataclass
class Own:
    """A Redis and a MariaDB that a test may kill and start again."""

    redis: RedisService
    maria: MariaService
    settings: Settings

    def restart_redis(self) -> None:
        self.redis.stop()
        self.redis = start_redis(self.redis.directory)

    def restart_maria(self) -> None:
        self.maria.stop()
        self.maria = start_maria(self.maria.directory)


@pytest.fixture
def own(tmp_path: Path, home: Path, storage_settings: Path) -> Iterator[Own]:
    own_redis, own_maria = start_redis(tmp_path / "own-redis"), start_maria(tmp_path / "own-maria")
    password = tmp_path / "password"
    storage_settings.write_text(
        f'[storage]\nredis = "{own_redis.url}"\nredis_password_file = "{password}"\n'
        f'mariadb = "{own_maria.url}"\nmariadb_password_file = "{password}"\n'
    )
    services = Own(own_redis, own_maria, load_settings(storage_settings, {"SALO_HOME": str(home)}))
    yield services
    services.redis.stop()
    services.maria.stop()


def test_kills_of_writer_and_mariadb_in_mid_batch_lose_and_double_nothing(own: Own, home: Path) -> None:
    client = own.redis.client()
    store = BaseStore(client, own.settings)
    for base in ("main", "other"):
        store.create(base)
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    dice = random.Random(seed)
    writer = WriterProcess(own.settings.source, home)
    written = {"main": 0, "other": 0}
    enough = threading.Event()

    def load() -> None:
        while not enough.is_set():
            base = "main" if written["main"] <= written["other"] else "other"
            rows = [history(event_id=f"{base}{written[base]}"), unsolved(rx=f"что {written[base] % 7}")]
            say(client, base, *rows)
            written[base] += 1

    producer = threading.Thread(target=load)
    producer.start()
    applied = [0]
    try:
        for kill in range(9):
            wait_until(lambda: advanced(store, applied[0]), 20)  # it works again, and is in the middle of it
            enough.wait(dice.random() * 0.05)
            if kill % 4 == 3:
                own.restart_maria()
            else:
                writer.kill()
                writer.start()
            applied[0] = sum(counted(store, base)[0] for base in ("main", "other"))
        enough.set()
        wait_until(lambda: drained(client, "main", "other"), 30)
        assert writer.terminate() == 0, writer.log.read_text()
    finally:
        enough.set()
        producer.join()
        writer.kill()
    own.restart_maria()  # what is said to be in the base is on its disk
    for base, count in written.items():
        assert counted(store, base) == (count, count, count)
    assert client.xlen(keys.DEAD) == 0


def advanced(store: BaseStore, applied: int) -> bool:
    try:
        return counted(store, "main")[0] + counted(store, "other")[0] > applied
    except StorageUnavailable:
        return False


def test_writer_outlives_a_killed_redis(own: Own, home: Path) -> None:
    store = BaseStore(own.redis.client(), own.settings)
    store.create("main")
    writer = WriterProcess(own.settings.source, home)
    try:
        for event in ("e1", "e2", "e3"):
            say(own.redis.client(), "main", history(event_id=event))
            wait_until(lambda: drained(own.redis.client(), "main"), 10)
            own.restart_redis()
        assert counted(store, "main")[:2] == (3, 3)
        assert writer.terminate() == 0
    finally:
        writer.kill()


def test_wait_doubles_up_to_its_bound() -> None:
    class Middle(random.Random):
        def uniform(self, a: float, b: float) -> float:
            return (a + b) / 2

    waits = [backoff_s(attempt, Middle()) for attempt in (1, 2, 3, 6, 1000)]
    assert waits == pytest.approx([0.2, 0.4, 0.8, 5.0, 5.0])
