"""What one callback costs, as a ratio to an empty Flask request on the same machine: ``python -m benchmarks.callback``.

Both answer real HTTP under granian; ours verifies, deduplicates and has each event on a real Redis' disk. Compared is
the CPU time of the server processes, in interleaved rounds; the median ratio is the result, since CPUs differ and other
work disturbs.
"""

from __future__ import annotations

import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
from flask import Flask

from db.bots import BotStore
from db.links import redis_client
from db.seal import Sealer
from db.settings import load_settings
from server.callback.__main__ import Server, server_on
from tests.bots import add_bot, register_base
from tests.server.callback_samples import GROUP, body
from tests.services import PASSWORD, start_redis, wait_until

ROUNDS, REQUESTS, SENDERS = 7, 4000, 8
ROOT = Path(__file__).resolve().parents[1]


def serve_empty(number: int) -> None:
    """Serve the smallest Flask app that answers ``ok``: the unit of this benchmark."""
    app = Flask("empty", static_folder=None)

    @app.post("/callback/<int:group_id>")
    def receive(group_id: int) -> str:
        return "ok"

    server: Server = server_on(socket.socket(fileno=number), threads=SENDERS)
    server.serve_here(lambda: app)


@contextmanager
def listening() -> Iterator[socket.socket]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        listener.setblocking(False)
        yield listener


@contextmanager
def child(listener: socket.socket, home: Path, *argv: str) -> Iterator[psutil.Process]:
    """Run a module on ``listener``."""
    environment = {"PATH": "/usr/bin:/bin", "SALO_HOME": str(home)}
    command = [sys.executable, "-m", *argv, str(listener.fileno())]
    with subprocess.Popen(command, cwd=ROOT, env=environment, pass_fds=[listener.fileno()]) as process:
        try:
            yield psutil.Process(process.pid)
        finally:
            process.terminate()


def requests(count: int) -> list[bytes]:
    """Return whole requests, each with an event of its own."""
    head = b"POST /callback/%d HTTP/1.1\r\nHost: salo\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return [head % (GROUP, len(raw)) + raw for raw in (body() for _ in range(count))]


def send_all(port: int, share: list[bytes]) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        for request in share:
            connection.sendall(request)
            answer = b""
            while not answer.endswith(b"\r\n\r\nok"):  # Flask's body comes in a packet of its own
                piece = connection.recv(4096)
                answer += piece
                assert piece and answer.startswith(b"HTTP/1.1 200"), answer


def measure(process: psutil.Process, port: int) -> tuple[float, float]:
    """Return CPU microseconds of the server for one request, and requests per second."""
    shares = [requests(REQUESTS // SENDERS) for _ in range(SENDERS)]
    before, began = process.cpu_times(), time.monotonic()
    with ThreadPoolExecutor(SENDERS) as pool:
        list(pool.map(send_all, [port] * SENDERS, shares))
    after, took = process.cpu_times(), time.monotonic() - began
    spent = after.user + after.system - before.user - before.system
    return spent / REQUESTS * 1e6, REQUESTS / took


def configure(home: Path, redis_url: str) -> Path:
    """Write the settings and add one bot."""
    (home / "password").write_text(PASSWORD)
    config = home / "salo.toml"
    config.write_text(
        f'[storage]\nredis = "{redis_url}"\nredis_password_file = "{home / "password"}"\n'
        f"[callback]\nthreads = {SENDERS}\n"
    )
    settings = load_settings(config, {"SALO_HOME": str(home)})
    client = redis_client(settings)
    register_base(client)
    add_bot(BotStore(client, settings, Sealer.from_file(settings.state.key)), "anna", GROUP)
    return config


def main() -> None:
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        service = start_redis(home / "redis")
        stack.callback(service.stop)
        config = configure(home, service.url)
        empty_door, our_door = stack.enter_context(listening()), stack.enter_context(listening())
        empty = stack.enter_context(child(empty_door, home, "benchmarks.callback"))
        ours = stack.enter_context(child(our_door, home, "server.callback", "--config", str(config), "--listen-fd"))
        client, rounds = service.client(), []
        for _round in range(ROUNDS + 1):  # the first warms up
            unit = measure(empty, empty_door.getsockname()[1])
            rounds.append((*unit, *measure(ours, our_door.getsockname()[1])))
            wait_until(lambda: client.xlen("inbox:anna") == REQUESTS)
            client.delete("inbox:anna")
    unit_us, unit_rate, our_us, our_rate = (statistics.median(column) for column in zip(*rounds[1:], strict=True))
    ratio = statistics.median(row[2] / row[0] for row in rounds[1:])
    print(f"empty Flask request    {unit_us:5.0f} us CPU   {unit_rate:6.0f}/s")
    print(f"callback kept on disk  {our_us:5.0f} us CPU   {our_rate:6.0f}/s   ratio {ratio:.2f}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        serve_empty(int(sys.argv[1]))
    else:
        main()
