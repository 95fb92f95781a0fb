"""The emulator as one object with a start and a stop, and the door where all its requests come in."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket

from aiohttp import web

from server.emulator.api import Api
from server.emulator.control import BODY_MAX, Control
from server.emulator.core import Core
from server.emulator.deliveries import Deliveries
from server.emulator.tuning import Tuning

BACKLOG = 1024


class Emulator:
    """A VK on the desk. Lives in the event loop that starts it; ``url`` is what ``[vk] api_url`` takes."""

    def __init__(
        self, host: str = "127.0.0.1", port: int = 0, *, tuning: Tuning | None = None, seed: int | None = None
    ) -> None:
        self.core = Core(tuning=tuning or Tuning(), dice=random.Random(seed))
        self.deliveries = Deliveries(self.core)
        self._host, self._port = host, port
        self._api = Api(self.core, self.deliveries)
        self._control = Control(self.core, self.deliveries)
        self._runner: web.ServerRunner | None = None

    @property
    def url(self) -> str:
        return f"http://{self._host}:{self._port}"

    async def start(self) -> None:
        """Listen; a port of 0 becomes a free one."""
        await self.deliveries.start()
        server = web.Server(self._handle, access_log=None, keepalive_timeout=600)
        self._runner = web.ServerRunner(server)
        await self._runner.setup()
        sock = socket.create_server((self._host, self._port), backlog=BACKLOG)
        self._port = sock.getsockname()[1]
        await web.SockSite(self._runner, sock, backlog=BACKLOG).start()

    async def stop(self) -> None:
        """Stop listening, let go of hanging calls and drop what is still to be delivered."""
        self._api.stop()
        if self._runner is not None:
            self._runner._shutdown_timeout = 1.0
            await self._runner.cleanup()
        await self.deliveries.stop()

    async def __aenter__(self) -> Emulator:
        await self.start()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await self.stop()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        request._client_max_size = BODY_MAX
        path = request.path
        if path.startswith("/method/"):
            return await self._api.answer(request, path.removeprefix("/method/"))
        if path == "/emulator" or path.startswith("/emulator/"):
            return await self._control.answer(request)
        return web.Response(status=404, text="no such page\n")
