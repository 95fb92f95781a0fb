"""One connection of the control socket: commands beside each other, all else in turn, and events as they come."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any, Protocol

from db import codec
from db.errors import BadJson
from db.protocol import INTERNAL_ERROR, INVALID_PARAMS, INVALID_REQUEST, LINE_MAX, PARSE_ERROR, PlatformEvent
from server.control_feed import Dropped, Feed
from server.control_methods import Caller, Request, RpcError, parse_request

STALLED_S = 60.0  # a client that reads nothing for so long is let go
COMMANDS_MAX = 64  # of one client, under way or waiting for their turn; then it is not read from

log = logging.getLogger(__name__)


class Door(Protocol):
    """What a connection needs of the server."""

    def subscribe(self, topics: frozenset[str] | None) -> tuple[Feed, dict[str, Any]]: ...

    def unsubscribe(self, feed: Feed) -> None: ...

    async def call(self, request: Request, caller: Caller) -> Any: ...


class Link:
    """One connection. Commands may take long: each is answered by a task of its own, in whatever order they end.

    All else is answered before the next request is read, which is what makes a subscription exact.
    """

    def __init__(self, door: Door, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, who: str) -> None:
        self._door = door
        self._reader, self._writer = reader, writer
        self._writing = asyncio.Lock()
        self._caller = Caller(who)
        self._commands: set[asyncio.Task[None]] = set()
        self._feed: Feed | None = None
        self._feeding: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Answer until the client says no more. What it asked for is done and answered all the same, if it is there."""
        try:
            while (line := await self._read()) is not None:
                await self._take(line)
            await self._end_feed()
            await asyncio.gather(*self._commands)
        finally:
            await self._end_feed()
            for command in self._commands:
                command.cancel()
            await asyncio.gather(*self._commands, return_exceptions=True)

    async def _read(self) -> bytes | None:
        try:
            return await self._reader.readuntil(b"\n")
        except asyncio.IncompleteReadError:
            return None
        except asyncio.LimitOverrunError:
            await self._write(error_line(None, RpcError(INVALID_REQUEST, f"a line may have {LINE_MAX} bytes")))
            return None

    async def _take(self, line: bytes) -> None:
        """Answer one line, or begin to."""
        try:
            request = parse_request(codec.loads(line))
        except BadJson as error:
            await self._write(error_line(None, RpcError(PARSE_ERROR, str(error))))
        except RpcError as error:
            await self._write(error_line(None, error))
        else:
            await (self._begin(request) if request.method == "command" else self._answer(request))
            if self._feed is not None and self._feeding is None:
                self._feeding = asyncio.create_task(self._pass_on(self._feed))

    async def _begin(self, request: Request) -> None:
        """Let a command run beside the others; wait first when there are too many."""
        while len(self._commands) >= COMMANDS_MAX:
            await asyncio.wait(self._commands, return_when=asyncio.FIRST_COMPLETED)
        command = asyncio.create_task(self._command(request))
        self._commands.add(command)
        command.add_done_callback(self._commands.discard)

    async def _command(self, request: Request) -> None:
        try:
            await self._answer(request)
        except (ConnectionError, TimeoutError):
            self._writer.transport.abort()  # ends the reading side too

    async def _answer(self, request: Request) -> None:
        """Do what is asked, and answer unless it is a notification."""
        try:
            result = self._subscribe(request) if request.method == "subscribe" else await self._call(request)
            answer = codec.dumps({"jsonrpc": "2.0", "id": request.id, "result": result}) + b"\n"
            if len(answer) > LINE_MAX:
                raise RpcError(INTERNAL_ERROR, f"the answer has more than {LINE_MAX} bytes; ask for less")
        except RpcError as error:
            answer = error_line(request.id, error)
        except Exception as error:  # our bug: the client is told, and goes on
            log.exception("request failed method=%s", request.method)
            text = f"{type(error).__name__}; the platform's log says more"
            answer = error_line(request.id, RpcError(INTERNAL_ERROR, text))
        if request.wants_answer:
            await self._write(answer)

    async def _call(self, request: Request) -> Any:
        return await self._door.call(request, self._caller)

    def _subscribe(self, request: Request) -> dict[str, Any]:
        topics = request.params.get("topics")
        if topics is not None and not (isinstance(topics, list) and all(isinstance(item, str) for item in topics)):
            raise RpcError(INVALID_PARAMS, "topics must be a list of texts")
        if self._feed is not None:
            raise RpcError(INVALID_REQUEST, "this connection is subscribed already")
        self._feed, now = self._door.subscribe(None if topics is None else frozenset(topics))
        return now

    async def _pass_on(self, feed: Feed) -> None:
        """Send events as fast as the client takes them; what it does not take in time is dropped by its feed."""
        try:
            while True:
                dropped, lines = await feed.take()
                if dropped.count:
                    lines.insert(0, event_line(_dropped(dropped)))
                await self._write(b"".join(lines))
        except (ConnectionError, TimeoutError):
            self._writer.transport.abort()

    async def _end_feed(self) -> None:
        if self._feed is not None:
            self._door.unsubscribe(self._feed)
        if self._feeding is not None:
            self._feeding.cancel()
            await asyncio.gather(self._feeding, return_exceptions=True)

    async def _write(self, data: bytes) -> None:
        async with self._writing:
            await write(self._writer, data)


async def write(writer: asyncio.StreamWriter, data: bytes) -> None:
    """Write and wait until nearly all is taken; ``TimeoutError`` when the client has stalled."""
    if writer.is_closing():
        raise ConnectionResetError
    writer.write(data)
    async with asyncio.timeout(STALLED_S):
        await writer.drain()


def event_line(event: PlatformEvent) -> bytes:
    """Return one event as it is sent. Raises ``TypeError`` when it is not fit for JSON."""
    params = {"seq": event.seq, "topic": event.topic, "at_ms": event.at_ms, "data": event.data}
    return codec.dumps({"jsonrpc": "2.0", "method": "event", "params": params}) + b"\n"


def error_line(number: int | str | None, error: RpcError) -> bytes:
    """Return the answer to a request that was refused."""
    told: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.data is not None:
        told["data"] = error.data
    return codec.dumps({"jsonrpc": "2.0", "id": number, "error": told}) + b"\n"


def _dropped(dropped: Dropped) -> PlatformEvent:
    return PlatformEvent(dropped.last_seq, "dropped", int(time.time() * 1000), {"count": dropped.count})
