"""The state directory: where every file of one platform lives, and how sockets in deep paths are reached."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

SOCKET_PATH_MAX = 107  # bytes: sizeof(sockaddr_un.sun_path) - 1, unix(7)


@dataclass(frozen=True, slots=True)
class StateDir:
    """Paths below ``$SALO_HOME``. Nothing here touches the disk but ``prepare``."""

    root: Path

    @property
    def redis(self) -> Path:
        return self.root / "redis"

    @property
    def mariadb(self) -> Path:
        return self.root / "mariadb"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def platform_output(self) -> Path:
        """What a platform says that a terminal started."""
        return self.logs / "platform.out"

    @property
    def key(self) -> Path:
        return self.root / "key"

    @property
    def lock(self) -> Path:
        return self.root / "lock"

    @property
    def control_socket(self) -> Path:
        return self.root / "control.sock"

    def index(self, base: str) -> Path:
        return self.root / "index" / base

    def prepare(self) -> None:
        """Create the directory (0700) and its fixed parts; safe to repeat."""
        self.root.mkdir(parents=True, exist_ok=True)
        self.root.chmod(0o700)
        for part in (self.redis, self.mariadb, self.logs, self.root / "index"):
            part.mkdir(mode=0o700, exist_ok=True)


def reachable(path: Path) -> str:
    """Return a spelling of a socket's path that fits ``sun_path``: itself, or one through ``/proc/self/fd``."""
    text = str(path)
    if len(os.fsencode(text)) <= SOCKET_PATH_MAX:
        return text
    return f"/proc/self/fd/{_directory_fd(os.getpid(), str(path.parent))}/{path.name}"


@cache
def _directory_fd(_pid: int, directory: str) -> int:
    """Hold one descriptor a process of a deep directory. Keyed by pid, since a fork may close what it inherits."""
    return os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
