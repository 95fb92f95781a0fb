"""Embedded servers: private, durable, one owner, and never left behind."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pymysql
import pytest

from db.errors import StorageUnavailable
from db.links import maria_arguments, maria_password_file, redis_client, redis_password_file
from db.settings import Settings
from db.state import SOCKET_PATH_MAX
from db.texts import use_language
from server.errors import ProgramMissing, StateLocked
from server.process import LIVING
from server.storage.lock import LEAVING, PLATFORM, SESSION, StateLock
from server.storage.programs import redis_program
from server.storage.session import open_storage
from tests.services import wait_until

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    with use_language("en"):
        yield


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


def ask_maria(settings: Settings, *statements: str) -> tuple[object, ...]:
    with pymysql.connect(**maria_arguments(settings), autocommit=True) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        return cursor.fetchone() or ()


def is_running(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def servers() -> dict[str, psutil.Process]:
    """Return our running children by the word that their command line begins with."""
    running = [psutil.Process(pid) for pid in LIVING]
    return {Path(process.cmdline()[0].split()[0]).name: process for process in running}


def test_storage_is_there_within_the_block_and_gone_after_it(settings: Settings) -> None:
    with open_storage(settings):
        redis_client(settings, db=1023).set("here", "1")
        ask_maria(
            settings, "create database salo_anna", "create table salo_anna.t (n int)", "insert salo_anna.t set n=7"
        )
        pids = list(LIVING)
        assert len(pids) == 2
    assert not any(map(psutil.pid_exists, pids))
    with open_storage(settings):
        assert redis_client(settings, db=1023).get("here") == b"1"
        assert ask_maria(settings, "select n from salo_anna.t") == (7,)


def test_every_event_is_on_disk_before_redis_answers(settings: Settings) -> None:
    with open_storage(settings):
        config = redis_client(settings).config_get()
    expected = {"appendonly": "yes", "appendfsync": "always", "databases": "1024", "port": "0", "save": ""}
    assert {name: config[name] for name in expected} == expected
    assert config["maxmemory-policy"] == "noeviction"
    assert int(config["maxmemory"]) == settings.storage.redis_memory_mb << 20


def test_no_password_in_argv_or_environment_and_nobody_else_reads_its_file(settings: Settings) -> None:
    with open_storage(settings):
        files = [redis_password_file(settings.state), maria_password_file(settings.state)]
        for process in servers().values():
            shown = " ".join([*process.cmdline(), *process.environ().values()])
            assert not [file for file in files if file.read_text().strip() in shown]
            assert process.net_connections(kind="inet") == []
    assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600, 0o600]
    assert stat.S_IMODE(settings.home.stat().st_mode) == 0o700


def test_account_may_do_everything_with_our_bases_and_nothing_else(settings: Settings) -> None:
    with open_storage(settings):
        ask_maria(settings, "create database salo_b", "drop database salo_b")
        with pytest.raises(pymysql.err.OperationalError, match="denied"):
            ask_maria(settings, "create database other")
        assert ask_maria(settings, "select @@local_infile, @@time_zone, @@character_set_server") == (
            0,
            "+00:00",
            "utf8mb4",
        )


def test_servers_stop_in_the_opposite_order(settings: Settings) -> None:
    """The log of each ends with its own last words, and MariaDB's are older: Redis was still there for it."""
    with open_storage(settings):
        pass
    assert "Shutdown complete" in (settings.state.logs / "mariadb.log").read_text().splitlines()[-1]
    assert "bye bye" in (settings.state.logs / "redis.log").read_text().splitlines()[-1]
    # File times may be equal: they move by the kernel's tick, which both stops may fall into.
    assert (settings.state.logs / "mariadb.log").stat().st_mtime_ns <= (
        settings.state.logs / "redis.log"
    ).stat().st_mtime_ns


def test_interrupted_first_start_is_repaired(settings: Settings) -> None:
    settings.state.prepare()
    rest = settings.state.mariadb / "data.tmp"
    (rest / "mysql").mkdir(parents=True)
    (rest / "mysql" / "global_priv.MAI").write_text("half")
    with open_storage(settings):
        assert ask_maria(settings, "select 1") == (1,)
    assert not rest.exists()


def test_lost_password_of_existing_data_is_told(settings: Settings) -> None:
    with open_storage(settings):
        pass
    maria_password_file(settings.state).unlink()
    with pytest.raises(StorageUnavailable, match="mariadb/password is gone"), open_storage(settings):
        pass
    assert not LIVING


def test_deep_state_directory_works(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / ("d" * 100) / ("e" * 60))
    with open_storage(settings):
        assert len(str(settings.state.redis / "redis.sock")) > SOCKET_PATH_MAX
        assert redis_client(settings).ping()
        assert ask_maria(settings, "select 1") == (1,)


HOLDER = """
import sys, time
from pathlib import Path
from db.settings import Settings
from server.process import LIVING
from server.storage.session import open_storage
with open_storage(Settings(home=Path(sys.argv[1]))):
    print(*LIVING, flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def holder(settings: Settings) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """Another process that has the storage open, and the pids of its servers."""
    command = [sys.executable, "-c", HOLDER, str(settings.home)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process, [int(pid) for pid in process.stdout.readline().split()]
        process.kill()


def test_killed_command_leaves_nothing_and_the_next_starts_over_its_sockets(
    settings: Settings, holder: tuple[subprocess.Popen[str], list[int]]
) -> None:
    process, pids = holder
    redis_client(settings).xadd("s", {"k": "acknowledged"})
    process.kill()
    with open_storage(settings):
        wait_until(lambda: not any(map(is_running, pids)))
        assert redis_client(settings).xlen("s") == 1
        assert ask_maria(settings, "select 1") == (1,)


def _held_by(pid: int) -> Iterator[Path]:
    """Yield the files that a process has open; it closes some while we look."""
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            yield link.readlink()


def test_servers_keep_the_lock_of_the_state_directory(settings: Settings) -> None:
    """Else a new owner could start a second Redis on the files of one that is still stopping."""
    with open_storage(settings):
        for process in servers().values():
            assert settings.state.lock in set(_held_by(process.pid))


def test_second_command_waits_for_the_first(
    settings: Settings, holder: tuple[subprocess.Popen[str], list[int]]
) -> None:
    process, _pids = holder
    with pytest.raises(StateLocked, match=f"in use by another command: pid {process.pid}"):
        open_storage(settings, wait_s=0.05).__enter__()
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()
    with open_storage(settings):
        assert redis_client(settings).ping()


def test_command_uses_the_storage_of_a_running_platform(settings: Settings) -> None:
    """A platform whose storage does not answer is told; one whose storage does is shared, and left running."""
    settings.state.prepare()
    lock = StateLock.acquire(settings.state, PLATFORM)
    try:
        with pytest.raises(StorageUnavailable, match=f"pid {os.getpid()}"):
            open_storage(settings, wait_s=0.05).__enter__()
    finally:
        lock.close()
    with open_storage(settings):
        (settings.state.lock).write_text(f"{os.getpid()} {PLATFORM}\n")
        pids = list(LIVING)
        with open_storage(settings):
            assert redis_client(settings).ping()
        assert list(LIVING) == pids


def test_living_platform_is_named_at_once_and_a_leaving_one_waited_for(settings: Settings) -> None:
    settings.state.prepare()
    first = StateLock.acquire(settings.state, PLATFORM)
    with pytest.raises(StateLocked) as refused:
        StateLock.acquire(settings.state, PLATFORM, wait_s=60)
    assert (refused.value.pid, refused.value.kind) == (os.getpid(), PLATFORM)
    first.mark(LEAVING)
    with subprocess.Popen(["sleep", "0.2"], pass_fds=(first.fd,)):
        first.close()
        StateLock.acquire(settings.state, PLATFORM, wait_s=10).close()


def test_dead_platforms_lock_is_waited_for_while_its_servers_end(settings: Settings) -> None:
    settings.state.prepare()
    lock = StateLock.acquire(settings.state, PLATFORM)
    with subprocess.Popen(["true"]) as dead:
        dead.wait()
    settings.state.lock.write_text(f"{dead.pid} {PLATFORM}\n")
    with pytest.raises(StateLocked):
        StateLock.acquire(settings.state, SESSION, wait_s=0.05)
    with subprocess.Popen(["sleep", "60"], pass_fds=(lock.fd,)) as server:
        lock.close()
        with pytest.raises(StateLocked):
            StateLock.acquire(settings.state, PLATFORM)
        server.send_signal(signal.SIGKILL)
    wait_until(lambda: not psutil.pid_exists(server.pid))
    StateLock.acquire(settings.state, PLATFORM).close()


def test_redis_is_found_inside_redis_tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Debian's redis-tools has no redis-server, but a program that becomes one when it is called so."""
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setattr("server.storage.programs._MORE_DIRECTORIES", ())
    with pytest.raises(ProgramMissing, match="apt-get install"):
        redis_program(tmp_path)
    inside = programs / "redis-check-rdb"
    inside.write_text("#!/bin/sh\n")
    inside.chmod(0o755)
    assert redis_program(tmp_path) == redis_program(tmp_path) == tmp_path / "redis-server"
    assert (tmp_path / "redis-server").resolve() == inside
