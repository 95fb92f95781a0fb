"""Tells systemd how the platform is: ``READY=1``, ``STOPPING=1`` (sd_notify(3)); says nothing outside systemd."""

from __future__ import annotations

import os
import socket


def notify(state: str) -> None:
    """Send ``state`` to the service manager, if there is one. Never fails: it is a courtesy."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    if address.startswith("@"):  # an abstract socket
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as door:
            door.sendto(state.encode(), address)
    except OSError:
        return
