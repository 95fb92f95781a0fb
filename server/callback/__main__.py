"""One callback server as a process: ``python -m server.callback --config FILE [--listen-fd N]``.

granian's master only watches over its one worker, which it forks; the worker has the app. The platform passes the
shared listening socket as a descriptor; without one the process opens its own.
"""

from __future__ import annotations

import argparse
import ctypes
import logging
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path

from granian._granian import SocketHolder
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.mp import MPServer

from db.bots import BotStore
from db.errors import SaloError
from db.links import redis_client
from db.seal import Sealer
from db.settings import Settings, load_settings
from server.callback.app import FastPath, Post, create_app
from server.callback.body import BodyWatch
from server.callback.doors import Doors
from server.callback.listener import BACKLOG, UNIX, open_listener
from server.callback.receiver import Receiver
from server.callback.wire import Wire

log = logging.getLogger("server.callback")

GRACE_S = 10  # for requests in flight at a stop
SUMMARY_EVERY_S = 60.0
_WATCH_EVERY_S = 0.5
_IDLE_THREAD_S = 600
_HEADERS_MS = 15_000
_PR_SET_PDEATHSIG = 1  # prctl(2)


class Server(MPServer):
    """granian's server on a listening socket that exists already."""

    listener: socket.socket

    def _init_shared_socket(self) -> None:
        unix = self.listener.family == socket.AF_UNIX
        self._ssp = None
        self._sfd = self.listener.fileno()  # type: ignore[assignment]  # granian says None at first
        self._shd = SocketHolder(self._sfd, unix, BACKLOG)  # type: ignore[assignment, call-arg]
        self._sso = None


def build(settings: Settings) -> tuple[FastPath, Post]:
    """Return the WSGI application and what its housekeeping looks after. Connects to nothing yet."""
    bots = BotStore(redis_client(settings), settings, Sealer.from_file(settings.state.key))
    receiver = Receiver(Doors(bots), Wire(settings), settings.callback.inbox_max)
    post = Post(receiver, BodyWatch(settings.callback.threads), settings.callback.body_max_kb * 1024)
    return FastPath(create_app(post), post), post


def serve(settings: Settings, listener: socket.socket, application: FastPath, post: Post) -> None:
    """Serve until SIGTERM, then finish what is in flight. Ends with exit code 1 when the worker dies."""
    master = os.getpid()

    def load_in_worker() -> FastPath:
        _die_with(master)
        # Until granian sets its own handlers, those of the master are inherited, and would swallow a stop.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        threading.Thread(target=_keep_house, args=(post,), name="housekeeping", daemon=True).start()
        log.info("callback server started pid=%d", os.getpid())
        return application

    host = settings.callback.host
    server = Server(
        target="server.callback",
        address="unix" if host.startswith(UNIX) else host,
        port=settings.callback.port,
        interface=Interfaces.WSGI,
        workers=1,
        blocking_threads=settings.callback.threads,
        blocking_threads_idle_timeout=_IDLE_THREAD_S,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=_HEADERS_MS),
        websockets=False,
        workers_kill_timeout=GRACE_S,
        log_level=LogLevels.error,
    )
    server.listener = listener
    server.serve(target_loader=load_in_worker, wrap_loader=False)


def _die_with(master: int) -> None:
    """Let the kernel kill this worker when its master dies: alone it would go on serving, unseen by anybody."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != master:
        os._exit(1)


def _keep_house(post: Post) -> None:
    """Cut off slow senders, and say once a minute what was done."""
    summary_due = time.monotonic() + SUMMARY_EVERY_S
    while True:
        time.sleep(_WATCH_EVERY_S)
        try:
            post.watch.hang_up()
            if time.monotonic() >= summary_due:
                summary_due += SUMMARY_EVERY_S
                if summary := post.receiver.counters.since_last():
                    log.info("callbacks %s", summary)
        except Exception:  # the broad net of this loop
            log.exception("housekeeping failed")


def main() -> int:
    """Parse argv, serve; one line instead of a traceback for what the operator can mend."""
    parser = argparse.ArgumentParser(prog="server.callback")
    parser.add_argument("--config", type=Path)
    parser.add_argument("--listen-fd", type=int)
    options = parser.parse_args()
    try:
        settings = load_settings(options.config)
        level = settings.platform.log_level.upper()
        logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
        application, post = build(settings)
        listener = open_listener(settings) if options.listen_fd is None else socket.socket(fileno=options.listen_fd)
    except SaloError as error:
        print(f"salo: {error}", file=sys.stderr)
        return error.exit_code
    multiprocessing.set_start_method("fork")  # the application is inherited, not pickled
    serve(settings, listener, application, post)
    return 0


if __name__ == "__main__":
    sys.exit(main())
