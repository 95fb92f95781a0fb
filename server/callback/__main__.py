"""One callback server as a process: ``python -m server.callback --config FILE [--listen-fd N]``.

The platform passes the shared listening socket as a descriptor; without one the process opens its own. granian's
worker runs in this very process: under a master of granian's a kill would leave it serving, unseen by anybody, and
the platform, which watches over its children itself, would count and measure the wrong one.
"""

from __future__ import annotations

import argparse
import logging
import os
import resource
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from granian._granian import SocketHolder
from granian.constants import HTTPModes, Interfaces, RuntimeModes
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.mp import MPServer

from db.bots import BotStore
from db.errors import SaloError
from db.links import redis_client
from db.one_line import log_to_stderr
from db.seal import Sealer
from db.settings import Settings, load_settings
from server.callback.app import FastPath, Post, create_app
from server.callback.body import BodyWatch
from server.callback.connections import Connections
from server.callback.doors import Doors
from server.callback.leaving import stop_by_steps
from server.callback.listener import BACKLOG, open_listener
from server.callback.receiver import Receiver
from server.callback.wire import Wire

log = logging.getLogger("server.callback")

SUMMARY_EVERY_S = 60.0
_WATCH_EVERY_S = 0.5
_IDLE_THREAD_S = 600
# Of an idle connection too, since granian has one time for both: longer than nginx keeps one to us (60 s), which would
# otherwise post into a connection that we just close.
_HEADERS_MS = 75_000
_HEAD_MAX = 16 * 1024  # bytes kept of one that is not whole; granian's own bound allows 25 times as much to each
CONNECTIONS_MAX = 8192  # idle ones are cheap; at granian's own bound of 1,024 they would shut everybody out
_OTHER_FILES = 128


class Server(MPServer):
    """granian's server on a listening socket that exists already, without a master."""

    listener: socket.socket

    def serve_here(self, load: Callable[[], FastPath]) -> None:
        """Do in this process what granian does in a worker's. Returns after SIGTERM, when all is answered."""
        self._init_shared_socket()
        self._spawn_worker(0, self._spawn_wsgi_worker, load).inner.run()

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


def server_on(listener: socket.socket, threads: int) -> Server:
    """Return a server that is yet to be run; ``threads`` is how many requests it handles at the same time."""
    server = Server(
        target="server.callback",
        interface=Interfaces.WSGI,
        runtime_mode=RuntimeModes.mt,
        backpressure=_allow_connections(),
        blocking_threads=threads,
        blocking_threads_idle_timeout=_IDLE_THREAD_S,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=_HEADERS_MS, max_buffer_size=_HEAD_MAX),
        websockets=False,
        log_level=LogLevels.error,
    )
    server.listener = listener
    return server


def serve(settings: Settings, listener: socket.socket) -> None:
    """Serve until SIGTERM, then finish what is in flight."""
    application, post = build(settings)
    server = server_on(listener, settings.callback.threads)
    stop_by_steps(listener, application.leave)
    connections = Connections(listener, server.backpressure, post.receiver.counters)
    threading.Thread(target=_keep_house, args=(post, connections), name="housekeeping", daemon=True).start()
    log.info("callback server started pid=%d", os.getpid())
    server.serve_here(lambda: application)
    log.info("callback server stopped pid=%d %s", os.getpid(), post.receiver.counters.since_last())


def _allow_connections() -> int:
    """Raise the limit of open files as far as we may, and return how many connections fit below it."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS_MAX + _OTHER_FILES
    files = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    return max(files - _OTHER_FILES, 1)


def _keep_house(post: Post, connections: Connections) -> None:
    """Cut off slow senders, and say once a minute what was done."""
    summary_due = time.monotonic() + SUMMARY_EVERY_S
    while True:
        time.sleep(_WATCH_EVERY_S)
        try:
            connections.look(post.watch.crowding())
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
        log_to_stderr(settings.platform.log_level.upper(), "%(asctime)s %(levelname)s %(name)s %(message)s")
        listener = open_listener(settings) if options.listen_fd is None else socket.socket(fileno=options.listen_fd)
        serve(settings, listener)
    except SaloError as error:
        print(f"salo: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
