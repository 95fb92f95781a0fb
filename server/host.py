"""Who we are among the hosts that share one Redis: an id that stays with the state directory."""

from __future__ import annotations

import secrets
import socket

from db.state import StateDir


def host_id(state: StateDir) -> str:
    """Return this state directory's host id, made at the first call: the machine's name and a random part.

    It names the owner of leases. Whoever holds the state directory's lock is the heir of the platform that wrote
    leases under this id before, so the id must live and die with the directory.
    """
    path = state.root / "host"
    try:
        return path.read_text(encoding="ascii")
    except FileNotFoundError:
        pass
    fresh = f"{socket.gethostname()[:32].encode('ascii', 'ignore').decode()}-{secrets.token_hex(4)}"
    partial = path.with_suffix(".new")
    partial.write_text(fresh, encoding="ascii")
    partial.replace(path)  # whole or not at all
    return fresh
