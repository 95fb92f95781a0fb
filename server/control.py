"""The control socket: the one door where orders come in and news goes out. The platform never waits for a client.

JSON-RPC 2.0 over a unix socket (0600, and SO_PEERCRED: the same user or root), one object per line, 1 MiB each way.
``describe``, ``command``, ``snapshot`` and ``history`` answer; ``subscribe`` answers with a snapshot and the number of
the last event before it, then sends each later event, numbered, as a notification ``event``.
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
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from db import codec
from db.errors import BadJson
from db.protocol import INTERNAL_ERROR, INVALID_PARAMS, INVALID_REQUEST, LINE_MAX, PARSE_ERROR, PlatformEvent
from db.settings import Settings
from db.state import reachable
from server.commands.context import PlatformView, Resources
from server.commands.run import load_bodies
from server.control_feed import Dropped, Feed, FeedLine
from server.control_methods import Methods, Request, RpcError, parse_request
from server.control_pace import Pace
from server.feed_history import FeedHistory

CLIENTS_MAX = 64
COMMANDS_AT_ONCE = 8
STALLED_S = 60.0  # a client that reads nothing for so long is let go
_BACKLOG = 2 * CLIENTS_MAX  # a unix socket refuses at once what it cannot hold
_CREDENTIALS = struct.Struct("3i")  # struct ucred: pid, uid, gid

log = logging.getLogger(__name__)


class ControlServer:
    """Serves ``state/control.sock``. All methods belong to the platform's loop."""

    def __init__(self, settings: Settings, view: PlatformView, resources: Resources | None = None) -> None:
        self._path = settings.state.control_socket
        self._view = view
        self._resources = resources or Resources(settings)
        self._executor = ThreadPoolExecutor(COMMANDS_AT_ONCE, thread_name_prefix="command")
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
        self._methods = Methods(self._resources, self._view, self._executor, self._history)
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
        self._executor.shutdown(wait=False, cancel_futures=True)

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
        wanted = [feed for feed in self._feeds if feed.wants(topic)]
        if wanted:
            try:
                item = FeedLine(event.seq, _line(event))
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
                await _write(writer, _error(None, RpcError(INVALID_REQUEST, refusal)))
            else:
                await _Client(self, reader, writer).run()
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
        feed = Feed(topics)
        self._feeds.add(feed)
        return feed, {"seq": self._seq, "snapshot": self._view.snapshot().as_json()}

    def unsubscribe(self, feed: Feed) -> None:
        self._feeds.discard(feed)

    async def call(self, request: Request, who: str) -> Any:
        """Return the result of a method that only answers. Raises ``RpcError``."""
        assert self._methods is not None
        return await self._methods.call(request, who)


class _Client:
    """One connection: its requests one after the other, and its subscription beside them."""

    def __init__(self, server: ControlServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._server = server
        self._reader, self._writer = reader, writer
        self._writing = asyncio.Lock()
        self._who = _who(writer)
        self._feed: Feed | None = None
        self._feeding: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Answer until the client goes away."""
        try:
            while (line := await self._read()) is not None:
                answer = await self._answer(line)
                if answer is not None:
                    await self._write(answer)
                if self._feed is not None and self._feeding is None:
                    self._feeding = asyncio.create_task(self._pass_on(self._feed))
        finally:
            if self._feed is not None:
                self._server.unsubscribe(self._feed)
            if self._feeding is not None:
                self._feeding.cancel()
                await asyncio.gather(self._feeding, return_exceptions=True)

    async def _read(self) -> bytes | None:
        try:
            return await self._reader.readuntil(b"\n")
        except asyncio.IncompleteReadError:
            return None
        except asyncio.LimitOverrunError:
            await self._write(_error(None, RpcError(INVALID_REQUEST, f"a line may have {LINE_MAX} bytes")))
            return None

    async def _answer(self, line: bytes) -> bytes | None:
        """Return the answer to one line, or ``None`` to a notification."""
        request: Request | None = None
        try:
            request = parse_request(codec.loads(line))
            result = self._subscribe(request) if request.method == "subscribe" else await self._call(request)
            answer = codec.dumps({"jsonrpc": "2.0", "id": request.id, "result": result}) + b"\n"
            if len(answer) > LINE_MAX:
                raise RpcError(INTERNAL_ERROR, f"the answer has more than {LINE_MAX} bytes; ask for less")
        except BadJson as error:
            return _error(None, RpcError(PARSE_ERROR, str(error)))
        except RpcError as error:
            answer = _error(request.id if request else None, error)
        return answer if request is None or request.wants_answer else None

    async def _call(self, request: Request) -> Any:
        return await self._server.call(request, self._who)

    def _subscribe(self, request: Request) -> dict[str, Any]:
        topics = request.params.get("topics")
        if topics is not None and not (isinstance(topics, list) and all(isinstance(item, str) for item in topics)):
            raise RpcError(INVALID_PARAMS, "topics must be a list of texts")
        if self._feed is not None:
            raise RpcError(INVALID_REQUEST, "this connection is subscribed already")
        self._feed, now = self._server.subscribe(None if topics is None else frozenset(topics))
        return now

    async def _pass_on(self, feed: Feed) -> None:
        """Send events as fast as the client takes them; what it does not take in time is dropped by its feed."""
        try:
            while True:
                dropped, lines = await feed.take()
                if dropped.count:
                    lines.insert(0, _line(_dropped(dropped)))
                await self._write(b"".join(lines))
        except (ConnectionError, TimeoutError):
            self._writer.transport.abort()  # ends the reading side too

    async def _write(self, data: bytes) -> None:
        async with self._writing:
            await _write(self._writer, data)


async def _write(writer: asyncio.StreamWriter, data: bytes) -> None:
    """Write and wait until nearly all is taken; ``TimeoutError`` when the client has stalled."""
    writer.write(data)
    async with asyncio.timeout(STALLED_S):
        await writer.drain()


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


def _dropped(dropped: Dropped) -> PlatformEvent:
    return PlatformEvent(dropped.last_seq, "dropped", int(time.time() * 1000), {"count": dropped.count})


def _line(event: PlatformEvent) -> bytes:
    params = {"seq": event.seq, "topic": event.topic, "at_ms": event.at_ms, "data": event.data}
    return codec.dumps({"jsonrpc": "2.0", "method": "event", "params": params}) + b"\n"


def _error(number: int | str | None, error: RpcError) -> bytes:
    told: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.data is not None:
        told["data"] = error.data
    return codec.dumps({"jsonrpc": "2.0", "id": number, "error": told}) + b"\n"
