"""Real Redis and MariaDB for the tests: private, on unix sockets, each in a directory of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pymysql
import redis

PASSWORD = "test-password"
_MEMORY = Path("/dev/shm")
_ROOM = 2 << 30  # bytes: several times what one session's services take


def wait_until(condition: Callable[[], object], timeout_s: float = 5.0, step_s: float = 0.01) -> None:
    """Return as soon as ``condition`` holds; fail the test after ``timeout_s``."""
    end = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"not within {timeout_s} s: {getattr(condition, '__doc__', None) or condition}")
        time.sleep(step_s)


@contextmanager
def quick_directory() -> Iterator[Path]:
    """A new directory in memory where there is room, else on disk; it is removed afterwards.

    For services that outlive many tests: a base is made there in a fifth of the time. All settings stay as they are.
    Services that a test kills and starts again belong on the disk, in its ``tmp_path``.
    """
    has_room = _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free >= _ROOM
    with tempfile.TemporaryDirectory(prefix="salo-test-", dir=_MEMORY if has_room else None) as directory:
        yield Path(directory)


@dataclass
class RedisService:
    """A running redis-server: ``url`` is what ``[storage] redis`` takes."""

    directory: Path
    process: subprocess.Popen[bytes]

    @property
    def socket(self) -> Path:
        return self.directory / "redis.sock"

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def client(self, db: int = 0) -> redis.Redis:
        return redis.Redis(unix_socket_path=str(self.socket), password=PASSWORD, db=db, legacy_responses=False)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


def start_redis(
    directory: Path, more: str = "", env: Mapping[str, str] | None = None, timeout_s: float = 5.0
) -> RedisService:
    """Start redis-server; ``more`` are further lines of its configuration, ``env`` is its environment."""
    directory.mkdir(parents=True, exist_ok=True)
    program = shutil.which("redis-server") or "/usr/bin/redis-check-rdb"
    options = (
        f"port 0\nunixsocket redis.sock\nunixsocketperm 700\nrequirepass {PASSWORD}\ndatabases 1024\n"
        f'appendonly yes\nappendfsync always\nsave ""\nmaxmemory-policy noeviction\n{more}\n'
    )
    process = subprocess.Popen(
        ["redis-server", "-"],
        executable=program,
        cwd=directory,
        env=env,
        stdin=subprocess.PIPE,
        stdout=(directory / "redis.log").open("ab"),
        stderr=subprocess.STDOUT,
    )
    assert process.stdin is not None
    process.stdin.write(options.encode())
    process.stdin.close()
    service = RedisService(directory, process)

    def answers() -> bool:
        try:
            return bool(service.client().ping())
        except redis.RedisError:
            return False

    wait_until(answers, timeout_s)
    return service


@dataclass
class MariaService:
    """A running mariadbd with a ``salo`` user that may do everything."""

    directory: Path
    process: subprocess.Popen[bytes]

    @property
    def socket(self) -> Path:
        return self.directory / "maria.sock"

    @property
    def url(self) -> str:
        return f"mysql://salo@/?socket={self.socket}"

    def connect(self) -> pymysql.Connection:
        plain = {"unix_socket": str(self.socket), "ssl_disabled": True}
        return pymysql.connect(**plain, user="salo", password=PASSWORD, charset="utf8mb4")

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


_BASE = Path(shutil.which("mariadbd") or "/usr/sbin/mariadbd").resolve().parent.parent
_SHARE = _BASE / "share" / "mysql"
_FLAGS = [
    "--no-defaults",
    f"--basedir={_BASE}",
    f"--lc-messages-dir={_SHARE}",
    f"--character-sets-dir={_SHARE / 'charsets'}",
    "--innodb-buffer-pool-size=64M",
    "--innodb-log-file-size=16M",
    "--aria-pagecache-buffer-size=8M",
    "--key-buffer-size=1M",
    "--performance-schema=OFF",
    "--character-set-server=utf8mb4",
    "--skip-name-resolve",
    "--skip-log-bin",
]


def start_maria(directory: Path, more: Sequence[str] = ("--skip-networking",)) -> MariaService:
    """Start mariadbd on a fresh data directory; ``more`` are further options of the running server."""
    directory.mkdir(parents=True, exist_ok=True)
    data, temporary = directory / "data", directory / "tmp"
    temporary.mkdir(exist_ok=True)  # its own: a starting mariadbd deletes the temporary tables of others in its tmpdir
    flags = [*_FLAGS, f"--datadir={data}", f"--tmpdir={temporary}", *(["--user=root"] if os.geteuid() == 0 else [])]
    if not data.exists():
        data.mkdir()
        sql = ["create database mysql;\nuse mysql;\nset @auth_root_socket=NULL;"]
        for name in ("mysql_system_tables", "mysql_performance_tables", "mysql_system_tables_data"):
            sql.append((_SHARE / f"{name}.sql").read_text())
        sql.append(
            "delete from global_priv where User in ('root','');\n"
            "flush privileges;\n"
            f"create user salo@localhost identified by '{PASSWORD}', salo@127.0.0.1 identified by '{PASSWORD}';\n"
            "grant all on *.* to salo@localhost, salo@127.0.0.1 with grant option;\n"
        )
        subprocess.run(
            ["mariadbd", *flags, "--skip-networking", "--bootstrap"],
            input="\n".join(sql).encode(),
            cwd=directory,
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
    process = subprocess.Popen(
        ["mariadbd", *flags, *more, "--socket=" + str(directory / "maria.sock")],
        cwd=directory,
        stdout=(directory / "maria.log").open("ab"),
        stderr=subprocess.STDOUT,
    )
    service = MariaService(directory, process)

    def answers() -> bool:
        assert process.poll() is None, (directory / "maria.log").read_text()[-2000:]
        try:
            service.connect().close()
        except pymysql.Error:
            return False
        return True

    wait_until(answers, timeout_s=30)
    return service
