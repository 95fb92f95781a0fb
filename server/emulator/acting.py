"""Acts out what goes wrong with a connection: pages of a proxy, silence, cuts, slowness."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import Callable

from aiohttp import web

from server.emulator.faults import Fault

HANG_MAX_S = 600.0
_HTML = (
    b"<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>"
)


class Acting:
    """The faults of one emulator's connections, and the end of all that hangs."""

    def __init__(self) -> None:
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Let go of all requests that hang."""
        self._stopping.set()

    async def act_out(
        self, request: web.BaseRequest, fault: Fault, reply: Callable[[], web.Response]
    ) -> web.StreamResponse:
        """Answer as the fault has it; only ``slow``, ``reset_after`` and errors get to ``reply``."""
        match fault.kind:
            case "http":
                return web.Response(status=fault.status, body=_HTML, content_type="text/html")
            case "hang":
                return await self.hang(request)
            case "reset_before":
                return cut(request)
            case "reset_after":
                reply()
                return cut(request)
            case "slow":
                await asyncio.sleep(fault.ms / 1000)
        return reply()

    async def hang(self, request: web.BaseRequest) -> web.Response:
        """Answer nothing until the client gives up or the emulator stops."""
        end = time.monotonic() + HANG_MAX_S
        while request.transport is not None and not self._stopping.is_set() and time.monotonic() < end:
            await asyncio.sleep(0.05)
        return cut(request)


def cut(request: web.BaseRequest) -> web.Response:
    """Reset the client's connection at once; the answer returned is never written."""
    transport = request.transport
    if transport is not None:
        sock = transport.get_extra_info("socket")
        if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    return web.Response(status=500)
