"""A control server on a real socket, in a loop of its own thread, over a platform that only keeps what it is told."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from db.errors import NotFound
from db.protocol import BotInfo, PlatformSnapshot, ProcessInfo, TickerInfo
from db.settings import Settings, load_settings
from server.control import ControlServer


class SmallPlatform:
    """A platform with one bot and one process."""

    def __init__(self) -> None:
        self.stopped = threading.Event()
        self.restarted: list[str] = []
        self.measured = 0
        self.storage = asyncio.Event()
        self.storage.set()

    def snapshot(self) -> PlatformSnapshot:
        bot = BotInfo("anna", 1, 77, "main", True, "running", 3, 1, {"replies": 5})
        process = ProcessInfo("redis", "redis", 4711, "running", 0, 61.0, 12_500_000)
        return PlatformSnapshot({"pid": 1, "state": "ready"}, [bot], [process])

    async def measure(self) -> None:
        self.measured += 1

    async def wait_storage(self) -> None:
        await self.storage.wait()

    def request_stop(self, by: str) -> None:
        self.stopped.set()

    async def restart(self, name: str) -> None:
        if name != "redis":
            raise NotFound(f"there is no process {name}")
        self.restarted.append(name)

    async def run_ticker(self, name: str, bot: str) -> list[TickerInfo]:
        bots = [bot] if bot or name == "storage_health" else ["anna", "boris"]
        return [TickerInfo(name, one, 600.0, "waiting", 1, 2, 3, "failed" if one == "boris" else "ok") for one in bots]

    async def pause_ticker(self, name: str, bot: str, is_paused: bool) -> list[TickerInfo]:
        bots = [bot] if bot or name == "storage_health" else ["anna", "boris"]
        return [TickerInfo(name, one, 600.0, "paused" if is_paused else "waiting") for one in bots]


class Desk:
    """The running server, and ways to talk to it."""

    def __init__(self, settings: Settings, server: ControlServer, platform: SmallPlatform) -> None:
        self.settings, self.server, self.platform = settings, server, platform
        self.loop = asyncio.get_running_loop()

    @property
    def path(self) -> Path:
        return self.settings.state.control_socket

    def in_loop(self, work: Callable[[], Any]) -> Any:
        """Run ``work`` in the server's loop and return what it returns."""

        async def run() -> Any:
            return work()

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(10)

    def publish(self, topic: str, **data: Any) -> None:
        self.in_loop(lambda: self.server.publish(topic, data))

    def connect(self) -> Wire:
        return Wire(self.path)


class Wire:
    """A raw client: lines out, lines in."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(10)
        self.socket.connect(str(path))
        self._lines = self.socket.makefile("rb")

    def send(self, line: bytes) -> None:
        self.socket.sendall(line + b"\n")

    def read(self) -> dict[str, Any]:
        return dict(json.loads(self._lines.readline()))

    def is_closed(self) -> bool:
        try:
            return self._lines.readline() == b""
        except ConnectionResetError:
            return True

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        self.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode())
        return self.read()

    def close(self) -> None:
        self._lines.close()
        self.socket.close()


@contextmanager
def control_desk(config: Path, home: Path) -> Iterator[Desk]:
    """Serve the control socket of ``home`` within the block."""
    settings = load_settings(config, {"SALO_HOME": str(home)})
    settings.state.prepare()
    up, end = threading.Event(), []
    desk: list[Desk] = []

    async def serve() -> None:
        platform = SmallPlatform()
        server = ControlServer(settings, platform)
        stop = asyncio.Event()
        async with server.serving():
            desk.append(Desk(settings, server, platform))
            end.append(stop)
            up.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert up.wait(10)
        yield desk[0]
    finally:
        if end:
            desk[0].loop.call_soon_threadsafe(end[0].set)
        thread.join(15)
        assert not thread.is_alive()
