"""The private MariaDB: on a unix socket in the state directory, with one account, ``salo``, that has a password."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import pymysql

from db.errors import SaloError, StorageUnavailable
from db.links import MARIA_USER, maria_arguments, maria_password_file, maria_socket
from db.settings import Settings
from db.state import StateDir
from db.texts import _
from server.childspec import ChildSpec
from server.process import child_environment, spawn
from server.storage.causes import RETRY_MOST_S, maria_cause
from server.storage.lock import StateLock
from server.storage.passwords import ensure_password
from server.storage.programs import maria_program

NAME = "mariadb"
_INIT_S = 120.0
_CONNECTIONS_MIN = 151  # MariaDB's own default
_SYSTEM_TABLES = ("mysql_system_tables", "mysql_performance_tables", "mysql_system_tables_data")


def mariadb_spec(settings: Settings, lock: StateLock) -> ChildSpec:
    """Return how it is run. The first time it is initialised, which blocks for about a second: in any thread.

    Raises ``StorageUnavailable`` when that fails. It keeps ``lock`` like Redis does.
    """
    state = settings.state
    if not _data(state).exists():
        _initialise(settings, lock)
    elif not maria_password_file(state).exists():
        text = _("{file} is gone; put it back, or remove {data} as well")
        raise StorageUnavailable(text.format(file=maria_password_file(state), data=_data(state)))
    return ChildSpec(
        kind="mariadb",
        name=NAME,
        # It goes to its data directory before it makes its socket, which a relative path keeps short.
        argv=[*_command(settings, _data(state)), f"--socket=../{maria_socket(state).name}"],
        env=child_environment(settings),
        cwd=state.mariadb,
        pass_fds=(lock.fd,),
        essential=True,
        retry_most_s=RETRY_MOST_S,
        after_end=lambda said: maria_cause(state.mariadb, said),
        ready=lambda: asyncio.to_thread(mariadb_answers, settings),
        ready_within_s=600.0,  # recovery after a crash may take its time
        stop_grace_s=60.0,
    )


def mariadb_answers(settings: Settings) -> bool:
    """Return whether it takes connections by now. Blocks for 5 s at most."""
    try:
        pymysql.connect(**maria_arguments(settings)).close()
    except (pymysql.Error, OSError, SaloError):
        return False
    return True


def _data(state: StateDir) -> Path:
    return state.mariadb / "data"


def _command(settings: Settings, data: Path) -> list[str]:
    program = maria_program()
    base = program.resolve().parent.parent
    plugins = base / "lib" / "mysql" / "plugin"
    command = [
        str(program),
        "--no-defaults",  # must be first: else /etc/mysql leaks in
        f"--basedir={base}",
        f"--lc-messages-dir={_share(base)}",
        f"--character-sets-dir={_share(base) / 'charsets'}",  # else it looks where it was built to be
        f"--datadir={data}",
        f"--tmpdir={_side_directory(settings.state, 'tmp')}",
        f"--secure-file-priv={_side_directory(settings.state, 'files')}",
        "--pid-file=mariadbd.pid",
        "--skip-networking",
        "--skip-name-resolve",
        "--skip-log-bin",
        "--local-infile=0",
        "--symbolic-links=0",
        "--performance-schema=OFF",
        "--character-set-server=utf8mb4",
        "--default-time-zone=+00:00",
        f"--max-connections={_connections(settings)}",
        f"--innodb-buffer-pool-size={settings.storage.mariadb_pool_mb}M",
        "--innodb-log-file-size=16M",
        "--innodb-flush-log-at-trx-commit=1",
        "--innodb-buffer-pool-dump-at-shutdown=OFF",
        "--innodb-buffer-pool-load-at-startup=OFF",
        "--aria-pagecache-buffer-size=8M",
        "--key-buffer-size=1M",
    ]
    if plugins.is_dir():
        command.append(f"--plugin-dir={plugins}")
    if os.geteuid() == 0:
        command.append("--user=root")  # it refuses to run as root unless told
    return command


def _connections(settings: Settings) -> int:
    """Return how many we may need: each worker has two to each base it met, so this is enough for four bases."""
    return max(_CONNECTIONS_MIN, 64 + 8 * (settings.engine.workers + settings.tickers.workers))


def _share(base: Path) -> Path:
    """Return where its SQL and message files are: Debian has moved them."""
    for name in ("mysql", "mariadb"):
        if (base / "share" / name / "mysql_system_tables.sql").is_file():
            return base / "share" / name
    text = _("no mysql_system_tables.sql below {directory}; is mariadb-server-core whole?")
    raise StorageUnavailable(text.format(directory=base / "share"))


def _side_directory(state: StateDir, name: str) -> Path:
    """Return a private directory next to the data: inside, it would show up as a database."""
    directory = state.mariadb / name
    directory.mkdir(mode=0o700, exist_ok=True)
    return directory


def _initialise(settings: Settings, lock: StateLock) -> None:
    """Make the data directory, whole or not at all: what an interrupted try left is thrown away."""
    state = settings.state
    partial = state.mariadb / "data.tmp"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o700)
    log = state.logs / "mariadb-init.log"
    with log.open("wb") as out:
        child = spawn(
            [*_command(settings, partial), "--bootstrap"],
            env=child_environment(settings),
            cwd=state.mariadb,
            stdin=_first_sql(settings).encode(),
            stdout=out.fileno(),
            fds={lock.fd: lock.fd},
            any_thread=True,
        )
        try:
            ended = child.wait(_INIT_S)
        finally:
            child.kill()
            child.wait(5)
    if ended is None or ended.code != 0:
        text = _("MariaDB cannot make its files: {reason}; see {log}")
        raise StorageUnavailable(text.format(reason=ended or f"> {_INIT_S:.0f} s", log=log))
    partial.rename(_data(state))


def _first_sql(settings: Settings) -> str:
    """Return what ``mariadb-install-db`` would do, less what we do not need. One statement per line, as --bootstrap
    wants it. The account may do everything with our bases and nothing else."""
    program = maria_program()
    share = _share(program.resolve().parent.parent)
    password = ensure_password(maria_password_file(settings.state))
    return "\n".join(
        [
            "create database mysql;",
            "use mysql;",
            "set @auth_root_socket=NULL;",
            *((share / f"{name}.sql").read_text(encoding="utf-8") for name in _SYSTEM_TABLES),
            "delete from global_priv where User in ('root','');",
            "flush privileges;",
            f"create user {MARIA_USER}@localhost identified by '{password}';",
            f"grant process on *.* to {MARIA_USER}@localhost;",
            f"grant all on `salo\\_%`.* to {MARIA_USER}@localhost;",
            "",
        ]
    )
