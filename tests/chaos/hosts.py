"""Hosts on one machine: a network namespace each, joined by a bridge, and what can happen to one.

A cut takes the link away, so that nothing comes back, not even a refusal. All names hold our pid; ``Net`` leaves
nothing behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from db.errors import SaloError
from db.settings import Settings
from server.control_client import ControlClient
from server.process import Child, child_environment, spawn
from tests.services import wait_until

CALLBACK_PORT = 8080
START_S = 60.0


def why_not() -> str:
    """Return why there can be no hosts here, empty when there can be."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if shutil.which("ip") is None:
        return "there is no ip (iproute2)"
    probe = f"salo-probe-{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", probe], capture_output=True, text=True)
    if made.returncode == 0:
        ip("netns", "del", probe)
    return made.stderr.strip()


def ip(*words: str) -> str:
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout


class Net:
    """A bridge at ``address`` with one namespace a host: ``hosts`` maps letters to addresses."""

    def __init__(self, letters: str) -> None:
        self._tag = os.getpid() % 100_000
        self._bridge = f"sl{self._tag}"
        subnet = f"10.213.{self._tag % 250}"
        self.address = f"{subnet}.1"
        self.hosts = {letter: f"{subnet}.{number}" for number, letter in enumerate(letters, 11)}

    def __enter__(self) -> Net:
        try:
            ip("link", "add", self._bridge, "type", "bridge")
            ip("addr", "add", f"{self.address}/24", "dev", self._bridge)
            ip("link", "set", self._bridge, "up")
            for letter, address in self.hosts.items():
                space, link = self.space(letter), self._link(letter)
                ip("netns", "add", space)
                ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", space)
                ip("link", "set", link, "master", self._bridge, "up")
                ip("-n", space, "addr", "add", f"{address}/24", "dev", "eth0")
                ip("-n", space, "link", "set", "eth0", "up")
                ip("-n", space, "link", "set", "lo", "up")
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for letter in self.hosts:
            with contextlib.suppress(subprocess.CalledProcessError):
                self.signal(letter, signal.SIGKILL)
                wait_until(lambda letter=letter: not self.pids(letter))
                ip("netns", "del", self.space(letter))
            with contextlib.suppress(subprocess.CalledProcessError):  # it may outlive its other end for a moment
                ip("link", "del", self._link(letter))
        with contextlib.suppress(subprocess.CalledProcessError):
            ip("link", "del", self._bridge)

    def space(self, letter: str) -> str:
        return f"salo-{self._tag}-{letter}"

    def _link(self, letter: str) -> str:
        return f"sl{self._tag}{letter}"

    def cut(self, letter: str) -> None:
        ip("link", "set", self._link(letter), "down")

    def mend(self, letter: str) -> None:
        ip("link", "set", self._link(letter), "up")

    def pids(self, letter: str) -> list[int]:
        return [int(pid) for pid in ip("netns", "pids", self.space(letter)).split()]

    def signal(self, letter: str, number: int) -> None:
        """Send a signal to every process of a host; what is born meanwhile gets it too."""
        done: set[int] = set()
        while fresh := set(self.pids(letter)) - done:
            for pid in fresh:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            done |= fresh


class HostProcess:
    """One host: a whole platform in a namespace, from ``settings`` of its own."""

    def __init__(self, net: Net, letter: str, settings: Settings) -> None:
        self.letter, self.settings = letter, settings
        self._net = net
        self._platform: Child | None = None

    @property
    def id(self) -> str:
        """The name by which other hosts know it."""
        return self.settings.state.root.joinpath("host").read_text().strip()

    def start(self) -> None:
        """Start the platform, and return before it is up."""
        words = ["ip", "netns", "exec", self._net.space(self.letter), sys.executable, "-I", "-m", "server.cli"]
        with (self.settings.home / "platform.log").open("ab") as log:
            self._platform = spawn(
                [*words, "--config", str(self.settings.source), "run"],
                env={**child_environment(self.settings), "PATH": os.environ["PATH"]},
                stdout=log.fileno(),
            )

    def is_up(self) -> bool:
        try:
            with ControlClient.connect(self.settings.state, 2.0) as client:
                return bool(client.call("snapshot", {})["platform"]["state"] == "running")
        except (SaloError, OSError):
            return False

    def kill(self) -> None:
        """End every process at once, as when the power goes."""
        self._net.signal(self.letter, signal.SIGKILL)
        self._reap()

    def stop(self) -> None:
        """Leave in good order."""
        assert self._platform is not None
        self._platform.signal(signal.SIGTERM)
        self._reap()

    def freeze(self) -> None:
        self._net.signal(self.letter, signal.SIGSTOP)

    def thaw(self) -> None:
        self._net.signal(self.letter, signal.SIGCONT)

    def cut(self) -> None:
        self._net.cut(self.letter)

    def mend(self) -> None:
        self._net.mend(self.letter)

    def _reap(self) -> None:
        assert self._platform is not None
        assert self._platform.wait(START_S) is not None, f"host {self.letter} does not end"


class Balancer:
    """Takes VK's connections and passes each to one of the hosts that are well, as a load balancer does."""

    def __init__(self, address: str, dice: random.Random) -> None:
        self.port = 0
        self._address, self._dice = address, dice
        self._well: set[str] = set()
        self._open: dict[str, set[asyncio.Task[None]]] = {}
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Balancer:
        self._server = await asyncio.start_server(self._take, self._address, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for host in list(self._well):
            self.drop(host)

    def add(self, host: str) -> None:
        self._well.add(host)

    def drop(self, host: str) -> None:
        """Send nothing more to a host, and break what is open."""
        self._well.discard(host)
        for task in self._open.pop(host, set()):
            task.cancel()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        with contextlib.suppress(OSError, TimeoutError, IndexError, asyncio.CancelledError):
            host = self._dice.choice(sorted(self._well))
            self._open.setdefault(host, set()).add(task)
            with _closing(writer):
                async with asyncio.timeout(1.0):
                    their_reader, their_writer = await asyncio.open_connection(host, CALLBACK_PORT)
                with _closing(their_writer):
                    await asyncio.gather(_pass_on(reader, their_writer), _pass_on(their_reader, writer))
        writer.close()


@contextmanager
def _closing(writer: asyncio.StreamWriter) -> Iterator[None]:
    try:
        yield
    finally:
        writer.close()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


def write_settings(home: Path, tables: dict[str, dict[str, object]]) -> Path:
    """Write a host's ``salo.toml`` and return its path."""
    home.mkdir(parents=True)
    lines = []
    for table, values in tables.items():
        lines += [f"[{table}]", *(f"{name} = {_toml(value)}" for name, value in values.items())]
    config = home / "salo.toml"
    config.write_text("\n".join(lines) + "\n")
    return config


def _toml(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value).lower()
