"""The control socket: the one door where orders come in and news goes out. The platform never waits for a client.

JSON-RPC 2.0 over a unix socket (0600, and SO_PEERCRED: the same user or root), one object per line, 1 MiB each way.
``describe``, ``command``, ``snapshot`` and ``history`` answer; ``subscribe`` answers with a snapshot and the number of
the last event before it, then sends each later event, numbered, as a notification ``event``. Commands of one client run
beside each other, so their answers come as they end: what tells them apart is the request's ``id``.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import pwd
import socket
import struct
import time
from collections.abc import AsyncIterator
from typing import Any

from db.protocol import INVALID_REQUEST, LINE_MAX, PlatformEvent
from db.settings import Settings
from db.state import reachable
from server.commands.context import PlatformView, Resources
from server.commands.run import load_bodies
from server.control_feed import Feed, FeedLine
from server.control_link import Link, error_line, event_line, write
from server.control_methods import Caller, Methods, Request, RpcError
from server.control_pace import Pace
from server.control_snapshot import SnapshotJson
from server.control_threads import CommandThreads
from server.feed_history import TOPICS as HISTORY_TOPICS
from server.feed_history import FeedHistory

CLIENTS_MAX = 64
_BACKLOG = 2 * CLIENTS_MAX  # a unix socket refuses at once what it cannot hold
_CREDENTIALS = struct.Struct("3i")  # struct ucred: pid, uid, gid

log = logging.getLogger(__name__)


class ControlServer:
    """Serves ``state/control.sock``. All methods belong to the platform's loop."""

    def __init__(self, settings: Settings, view: PlatformView, resources: Resources | None = None) -> None:
        self._path = settings.state.control_socket
        self._view = view
        self._resources = resources or Resources(settings)
        self._threads = CommandThreads()
        self._snapshots = SnapshotJson(view)
        self._server: asyncio.Server | None = None
        self._methods: Methods | None = None
        self._clients: set[asyncio.Task[None]] = set()
        self._feeds: set[Feed] = set()
        self._pace = Pace(self._send)
        self._history = FeedHistory()
        self._seq = 0

    @property
    def seq(self) -> int:
        """The number of the last event."""
        return self._seq

    @property
    def has_subscribers(self) -> bool:
        """Whether anybody watches."""
        return bool(self._feeds)

    async def start(self) -> None:
        """Listen. The caller holds the state directory's lock, so a socket that is there already is a dead one's."""
        load_bodies()  # now, and not in the middle of somebody's first command
        self._methods = Methods(self._resources, self._view, self._threads, self._snapshots.recent, self._history)
        door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        try:
            self._path.unlink(missing_ok=True)
            door.bind(reachable(self._path))
            self._path.chmod(0o600)  # nobody can connect before it listens
            self._server = await asyncio.start_unix_server(self._serve, sock=door, limit=LINE_MAX, backlog=_BACKLOG)
        except BaseException:
            door.close()
            raise

    async def stop(self) -> None:
        """Say goodbye to all clients and take the socket away."""
        self._pace.close()
        if self._server is None:
            return
        self._server.close()
        self._path.unlink(missing_ok=True)
        for client in list(self._clients):
            client.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)
        self._threads.close()

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Serve within the block."""
        await self.start()
        try:
            yield
        finally:
            await self.stop()

    def publish(self, topic: str, data: dict[str, Any]) -> None:
        """Tell one event to those who want it, a state no more than four times a second. Never waits.

        ``data`` must not be changed later: it is kept for ``history``.
        """
        if self._pace.slows(topic):
            self._pace.put(topic, data)
        else:
            self._send(topic, data)

    def _send(self, topic: str, data: dict[str, Any]) -> None:
        """Number one event, keep it, and put it into the feeds."""
        self._seq += 1
        event = PlatformEvent(self._seq, topic, int(time.time() * 1000), data)
        self._history.keep(event)
        if topic not in HISTORY_TOPICS:
            self._snapshots.outdate()
        wanted = [feed for feed in self._feeds if feed.wants(topic)]
        if wanted:
            try:
                item = FeedLine(event.seq, event_line(event))
            except TypeError as error:  # no client is worth the platform's life
                log.warning("event not told topic=%s error=%s", topic, error)
                return
            for feed in wanted:
                feed.put(item)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients.add(task)
        try:
            refusal = _refusal(writer, len(self._clients))
            if refusal:
                await write(writer, error_line(None, RpcError(INVALID_REQUEST, refusal)))
            else:
                await Link(self, reader, writer, _who(writer)).run()
        except (ConnectionError, TimeoutError):
            pass  # it went away, or stopped reading
        except asyncio.CancelledError:
            pass  # we stop; nobody awaits this task but stop()
        except Exception:
            log.exception("control client failed")
        finally:
            self._clients.discard(task)
            writer.close()
            if task.cancelling() and writer.transport.get_write_buffer_size():
                writer.transport.abort()  # it would hold us up

    def subscribe(self, topics: frozenset[str] | None) -> tuple[Feed, dict[str, Any]]:
        """Return a feed of all events from now on, and what is now."""
        now = {"seq": self._seq, "snapshot": self._snapshots.fresh()}  # a kept one is from before this number
        feed = Feed(topics)
        self._feeds.add(feed)
        return feed, now

    def unsubscribe(self, feed: Feed) -> None:
        """Put nothing more into a feed."""
        self._feeds.discard(feed)

    async def call(self, request: Request, caller: Caller) -> Any:
        """Return the result of a method that only answers. Raises ``RpcError``."""
        assert self._methods is not None
        return await self._methods.call(request, caller)


def _refusal(writer: asyncio.StreamWriter, clients: int) -> str:
    """Return why this client is not served, or nothing."""
    if clients > CLIENTS_MAX:
        return f"{CLIENTS_MAX} clients are connected already"
    uid = _credentials(writer)[1]
    if uid not in (0, os.geteuid()):
        log.warning("control client refused uid=%d", uid)
        return "only the platform's own user and root are served"
    return ""


def _credentials(writer: asyncio.StreamWriter) -> tuple[int, int, int]:
    peer = writer.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, gid = _CREDENTIALS.unpack(peer)
    return pid, uid, gid


def _who(writer: asyncio.StreamWriter) -> str:
    uid = _credentials(writer)[1]
    with contextlib.suppress(KeyError):
        return f"local:{pwd.getpwuid(uid).pw_name}"
    return f"local:{uid}"
