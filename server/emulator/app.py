"""The emulator as one object with a start and a stop, and the door where all its requests come in."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from typing import Any

from aiohttp import web

from server.emulator.acting import Acting
from server.emulator.api import Api
from server.emulator.control import BODY_MAX, Control
from server.emulator.core import Core
from server.emulator.deliveries import Deliveries
from server.emulator.longpoll import PATH, LongPolls
from server.emulator.transports import Transports
from server.emulator.tuning import Tuning

BACKLOG = 1024
SHUTDOWN_S = 1.0


class Emulator:
    """A VK on the desk. Lives in the event loop that starts it; ``url`` is what ``[vk] api_url`` takes."""

    def __init__(
        self, host: str = "127.0.0.1", port: int = 0, *, tuning: Tuning | None = None, seed: int | None = None
    ) -> None:
        self.core = Core(tuning=tuning or Tuning(), dice=random.Random(seed))
        self.deliveries = Deliveries(self.core)
        self._host, self._port = host, port
        self._acting = Acting()
        self._polls = LongPolls(self.core, self._acting)
        transports = Transports(self.core, self.deliveries, self._polls)
        self._api = Api(self.core, transports, self._acting)
        self._control = Control(self.core, self.deliveries, self._polls, transports)
        self._runner: web.ServerRunner | None = None

    @property
    def url(self) -> str:
        return f"http://{self._host}:{self._port}"

    async def start(self) -> None:
        """Listen; a port of 0 becomes a free one. ``OSError`` when the port is taken."""
        sock = socket.create_server((self._host, self._port), backlog=BACKLOG)
        self._port = sock.getsockname()[1]
        self.core.url = self.url
        await self.deliveries.start()
        server = web.Server(self._handle, request_factory=_large_request, access_log=None, keepalive_timeout=600)
        self._runner = web.ServerRunner(server, shutdown_timeout=SHUTDOWN_S)
        await self._runner.setup()
        await web.SockSite(self._runner, sock, backlog=BACKLOG).start()

    async def stop(self) -> None:
        """Stop listening, let go of hanging calls and polls, and drop what is still to be delivered."""
        self._acting.stop()
        self._polls.stop()
        if self._runner is not None:
            await self._runner.cleanup()
        await self.deliveries.stop()

    async def __aenter__(self) -> Emulator:
        await self.start()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await self.stop()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.path
        if path.startswith("/method/"):
            return await self._api.answer(request, path.removeprefix("/method/"))
        if path.startswith(PATH):
            return await self._polls.answer(request)
        if path == "/emulator" or path.startswith("/emulator/"):
            return await self._control.answer(request)
        return web.Response(status=404, text="no such page\n")


def _large_request(message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> web.BaseRequest:
    """Return a request that may carry a long list of orders; aiohttp's own limit is 1 MiB."""
    loop = asyncio.get_running_loop()
    return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=BODY_MAX)
