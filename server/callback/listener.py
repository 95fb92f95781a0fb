"""The listening socket of the callback servers: one, opened by the platform and shared by all of them.

With a socket of its own (SO_REUSEPORT) a server that stops resets what waits in its queue, and a second platform on
the same port would silently take half of the events. A shared one keeps waiting connections for whoever accepts next,
also while the only server restarts.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import stat
from pathlib import Path

from db.errors import Refused
from db.settings import Settings
from db.state import reachable

BACKLOG = 1024  # connections that wait while all servers are busy or starting
UNIX = "unix:"
_MODE = 0o660  # a reverse proxy gets in by its group


def open_listener(settings: Settings) -> socket.socket:
    """Return a listening socket at ``[callback] host`` and ``port``; ``Refused`` says why it cannot be had.

    ``host = "unix:PATH"`` listens there; a socket file left by a dead platform is removed first.
    """
    host, port = settings.callback.host, settings.callback.port
    try:
        listener = _unix(Path(host.removeprefix(UNIX))) if host.startswith(UNIX) else _tcp(host, port)
    except OSError as error:
        where = host if host.startswith(UNIX) else f"{host}:{port}"
        raise Refused(
            f"cannot listen at {where}: {error.strerror or error}; "
            f"change [callback] host or port, or stop what listens there"
        ) from None
    listener.setblocking(False)
    return listener


def _tcp(host: str, port: int) -> socket.socket:
    family, kind, protocol, _name, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _unix(path: Path) -> socket.socket:
    spelling = reachable(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _remove_stale(path, spelling)
        listener.bind(spelling)
        path.chmod(_MODE)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _remove_stale(path: Path, spelling: str) -> None:
    """Unlink a socket nobody listens at. One that answers, or a file of another kind, stays and fails the bind."""
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISSOCK(path.stat().st_mode):
            raise OSError(errno.EEXIST, "a file is there that is no socket")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(1)
            try:
                probe.connect(spelling)
            except ConnectionRefusedError:
                path.unlink()
