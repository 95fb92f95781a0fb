"""A stop that fails no request: first take no new connections, then answer those taken, only then shut down.

granian does the first and the last at once, and so hangs up on whoever was just accepted and had no time to ask.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

log = logging.getLogger(__name__)

SETTLE_S = 0.3  # for connections taken just before to bring their requests


def stop_by_steps(listener: socket.socket, on_leaving: Callable[[], None]) -> None:
    """Let SIGTERM begin with ``on_leaving`` and a pause; SIGINT, which granian takes as well, then ends the server.

    Call it in the main thread before any other thread is started: all of them must have SIGTERM blocked.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # until granian sets its own; then nothing has been accepted yet
    threading.Thread(target=_wait_for_stop, args=(listener, on_leaving), name="leaving", daemon=True).start()


def _wait_for_stop(listener: socket.socket, on_leaving: Callable[[], None]) -> None:
    signal.sigwait([signal.SIGTERM])
    try:
        on_leaving()
        stop_accepting(listener)
        log.info("callback server leaves pid=%d", os.getpid())
        time.sleep(SETTLE_S)
    except Exception:  # a stop without manners is better than none
        log.exception("stopping without steps")
    os.kill(os.getpid(), signal.SIGINT)


def stop_accepting(listener: socket.socket) -> None:
    """Put a socket that nobody knows in the place of ``listener`` and its copies, in this process alone.

    Others who share it go on accepting. Whoever waits here for connections finds that there are none.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as nobodys:
        nobodys.bind("")  # a name of the kernel's choice, unix(7)
        nobodys.listen(1)
        nobodys.setblocking(False)
        for number in _copies(listener.fileno()):
            os.dup2(nobodys.fileno(), number, inheritable=False)


def _copies(number: int) -> list[int]:
    """Return the descriptors of this process that are the same socket as ``number``."""
    folder = Path("/proc/self/fd")
    same = (folder / str(number)).readlink()
    found = []
    for entry in folder.iterdir():
        try:
            if entry.readlink() == same:
                found.append(int(entry.name))
        except FileNotFoundError:  # closed meanwhile
            continue
    return found
