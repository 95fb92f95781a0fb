"""Callback servers as processes for the tests, and the simplest ways to post to them."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import redis

from db import keys
from db.bots import BotStore
from db.seal import Sealer
from db.settings import Settings, load_settings
from server.callback.listener import open_listener
from tests.bots import register_base
from tests.server.callback_samples import GROUP, SECRET
from tests.services import PASSWORD, RedisService, wait_until

ROOT = Path(__file__).resolve().parents[2]
PATH = f"/callback/{GROUP}"
INBOX = keys.inbox("anna")


class Servers:
    """Callback servers on one listening socket, as the platform starts them."""

    def __init__(self, service: RedisService, home: Path, host: str = "127.0.0.1") -> None:
        home.mkdir(exist_ok=True)
        (home / "password").write_text(PASSWORD)
        self.config = home / "salo.toml"
        self.config.write_text(
            f'[storage]\nredis = "{service.url}"\nredis_password_file = "{home / "password"}"\n'
            f'[callback]\nhost = "{host}"\nport = {free_port()}\nthreads = 4\n'
        )
        self.settings: Settings = load_settings(self.config, {"SALO_HOME": str(home)})
        self.settings.state.prepare()
        self.listener = open_listener(self.settings)
        self.log = home / "callback.log"
        self.redis = service.client()
        register_base(self.redis)
        store = BotStore(self.redis, self.settings, Sealer.from_file(self.settings.state.key))
        store.add("anna", GROUP, "main", "canary-token", SECRET, "canary-code")
        self.processes: list[subprocess.Popen[bytes]] = []

    @property
    def port(self) -> int:
        return self.settings.callback.port

    def start(self, files: int | None = None) -> subprocess.Popen[bytes]:
        """Start one; ``files`` is how many it may have open."""
        number = self.listener.fileno()
        argv = [sys.executable, "-m", "server.callback", "--config", str(self.config), "--listen-fd", str(number)]
        if files is not None:
            argv = ["prlimit", f"--nofile={files}:{files}", *argv]
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                argv,
                cwd=ROOT,
                env={"PATH": os.environ["PATH"], "SALO_HOME": str(self.settings.home)},
                stdout=log,
                stderr=log,
                pass_fds=[number],
            )
        self.processes.append(process)
        return process

    def started(self, files: int | None = None) -> subprocess.Popen[bytes]:
        """Start one and return when it says that it serves."""
        process = self.start(files)
        wait_until(lambda: f"started pid={process.pid}" in self.log.read_text(), timeout_s=20)
        return process

    def close(self) -> None:
        self.listener.close()
        for process in self.processes:
            process.kill()
            process.wait()
        self.redis.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def post(
    port: int, raw: bytes, timeout_s: float = 8.0, sender: str = "127.0.0.1", path: str = PATH
) -> tuple[int, bytes]:
    """Post on a connection of its own, as long as VK would wait."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout_s, (sender, 0))) as connection:
        return post_on(connection, raw, path)


def post_on(connection: http.client.HTTPConnection, raw: bytes, path: str = PATH) -> tuple[int, bytes]:
    connection.request("POST", path, raw)
    answer = connection.getresponse()
    return answer.status, answer.read()


def raw_request(port: int, data: bytes) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=10)
    connection.sendall(data)
    return connection


def kept_ids(client: redis.Redis) -> list[bytes]:
    return [fields[b"i"] for _entry, fields in client.xrange(INBOX)]
