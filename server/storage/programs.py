"""Finds the server programs, wherever Debian or a private prefix has put them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from db.texts import _
from server.errors import ProgramMissing

# An ordinary user's PATH may lack the sbin directories, where Debian has mariadbd. Last, where the set-up unpacks the
# servers of a user who may not install them: programs as any others, with lib and share beside their bin.
_MORE_DIRECTORIES = (
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    str(Path(__file__).resolve().parents[2] / ".packages" / "bin"),
)
_REMEDY = "apt-get install --no-install-recommends mariadb-server-core redis-tools"


def find_program(*names: str) -> Path | None:
    """Return the first of ``names`` that is installed, in the order given."""
    directories = os.pathsep.join([os.environ.get("PATH", os.defpath), *_MORE_DIRECTORIES])
    for name in names:
        found = shutil.which(name, path=directories)
        if found:
            return Path(found)
    return None


def redis_program(directory: Path) -> Path:
    """Return a program that runs as a Redis server, if need be a link of ours in ``directory``.

    Debian's ``redis-tools`` has the whole server inside ``redis-check-rdb``: what it is called decides what it does.
    """
    found = find_program("redis-server", "valkey-server")
    if found:
        return found
    inside = find_program("redis-check-rdb", "valkey-check-rdb")
    if inside is None:
        raise ProgramMissing(_missing("redis-server"))
    link = directory / inside.name.replace("check-rdb", "server")
    link.unlink(missing_ok=True)
    link.symlink_to(inside)
    return link


def maria_program() -> Path:
    found = find_program("mariadbd")
    if found is None:
        raise ProgramMissing(_missing("mariadbd"))
    return found


def _missing(name: str) -> str:
    return _("{name} is not installed; {remedy}").format(name=name, remedy=_REMEDY)
