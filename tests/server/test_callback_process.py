"""A real callback server: what it does when it is killed, restarted, starved and pestered."""

from __future__ import annotations

import http.client
import os
import resource
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import orjson
import psutil
import pytest
import redis

from db.errors import Refused
from db.settings import load_settings
from server.callback.listener import open_listener
from tests.server.callback_samples import SECRET, body
from tests.server.callback_servers import INBOX, PATH, ROOT, Servers, kept_ids, post, post_on, raw_request
from tests.services import PASSWORD, RedisService, start_redis, wait_until


@pytest.fixture
def servers(redis_service: RedisService, clean_redis: redis.Redis, tmp_path: Path) -> Iterator[Servers]:
    with closing(Servers(redis_service, tmp_path / "home")) as servers:
        yield servers


class Senders:
    """VK at work: threads that post events until told to stop, each event, if so told, until it gets ``ok``.

    Every second thread keeps its connection, the others take a new one for each event.
    """

    def __init__(self, port: int, threads: int = 4, repeat: bool = True) -> None:
        self._port, self._repeat = port, repeat
        self._stop = threading.Event()
        self.sent: list[str] = []
        self.acknowledged: list[str] = []
        self.failures: list[str] = []
        self._pool = ThreadPoolExecutor(threads)
        self._runs = [self._pool.submit(self._run, keep=bool(number % 2)) for number in range(threads)]

    def _run(self, keep: bool) -> None:
        with closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=8)) as connection:
            while not self._stop.is_set():
                raw = body()
                name = orjson.loads(raw)["event_id"]
                self.sent.append(name)
                while not self._try(connection, name, raw) and self._repeat and not self._stop.is_set():
                    self._stop.wait(0.02)
                if not keep:
                    connection.close()

    def _try(self, connection: http.client.HTTPConnection, name: str, raw: bytes) -> bool:
        try:
            answer = post_on(connection, raw)
        except OSError as error:
            connection.close()
            self.failures.append(repr(error))
            return False
        if answer != (200, b"ok"):
            self.failures.append(repr(answer))
            return False
        self.acknowledged.append(name)
        return True

    def stop(self) -> None:
        self._stop.set()
        for run in self._runs:
            run.result()
        self._pool.shutdown()


def test_event_that_got_ok_survives_kills_of_the_server(servers: Servers) -> None:
    servers.started()
    senders = Senders(servers.port)
    for _round in range(3):
        seen = len(senders.acknowledged)
        wait_until(lambda seen=seen: len(senders.acknowledged) > seen + 50, timeout_s=20)  # type: ignore[misc]
        servers.processes[-1].kill()
        servers.processes[-1].wait()
        servers.start()
    seen = len(senders.acknowledged)
    wait_until(lambda: len(senders.acknowledged) > seen + 50, timeout_s=20)
    senders.stop()
    kept = kept_ids(servers.redis)
    assert len(kept) == len(set(kept)), "an event is kept twice"
    assert {name.encode() for name in senders.acknowledged} <= set(kept), "an acknowledged event is lost"
    assert len(set(senders.acknowledged)) == len(senders.acknowledged)
    assert all("503" not in failure for failure in senders.failures)


def test_rolling_restart_fails_no_request(servers: Servers) -> None:
    old = [servers.started(), servers.started()]
    senders = Senders(servers.port, repeat=False)
    for process in old:
        seen = len(senders.acknowledged)
        wait_until(lambda seen=seen: len(senders.acknowledged) > seen + 100, timeout_s=20)  # type: ignore[misc]
        process.terminate()
        assert process.wait(10) == 0
        servers.started()
    senders.stop()
    assert senders.failures == []
    assert len(kept_ids(servers.redis)) == len(senders.sent)


def test_restart_of_the_only_server_makes_requests_wait_but_fails_none(servers: Servers) -> None:
    process = servers.started()
    senders = Senders(servers.port, repeat=False)
    wait_until(lambda: len(senders.acknowledged) > 50, timeout_s=20)
    process.terminate()
    assert process.wait(10) == 0
    before = len(senders.acknowledged)
    servers.start()
    wait_until(lambda: len(senders.acknowledged) > before + 50, timeout_s=20)
    senders.stop()
    assert senders.failures == []


def leave(servers: Servers, process: subprocess.Popen[bytes]) -> None:
    """Tell a server to stop and return when it has begun to."""
    process.terminate()
    wait_until(lambda: f"leaves pid={process.pid}" in servers.log.read_text())


def test_request_in_flight_is_answered_before_the_server_ends(servers: Servers) -> None:
    process = servers.started()
    raw = body()
    head = b"POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (PATH.encode(), len(raw))
    with raw_request(servers.port, head + raw[:10]) as slow:
        assert post(servers.port, body()) == (200, b"ok")  # so the slow one was accepted before it
        leave(servers, process)
        with pytest.raises(TimeoutError):
            post(servers.port, body(), timeout_s=0.5)  # waits for another server, and so long that this one is past
        slow.sendall(raw[10:])  # its time for connections without a request
        assert slow.recv(4096).startswith(b"HTTP/1.1 200")
    assert process.wait(10) == 0
    assert servers.redis.xlen(INBOX) == 2
    assert "stopped" in servers.log.read_text() and "accepted=2" in servers.log.read_text()


def test_connection_accepted_just_before_a_stop_is_served_and_told_to_leave(servers: Servers) -> None:
    process = servers.started()
    raw = body()
    head = b"POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (PATH.encode(), len(raw))
    with raw_request(servers.port, b"") as fresh:
        assert post(servers.port, body()) == (200, b"ok")
        leave(servers, process)
        fresh.sendall(head + raw)
        answer = fresh.recv(4096)
    assert answer.startswith(b"HTTP/1.1 200") and b"connection: close" in answer.lower()
    assert process.wait(10) == 0


def test_redis_killed_under_load_loses_and_doubles_nothing(tmp_path: Path) -> None:
    service = start_redis(tmp_path / "redis")
    with ExitStack() as stack:
        stack.callback(lambda: service.stop())
        servers = stack.enter_context(closing(Servers(service, tmp_path / "home")))
        servers.started()
        senders = Senders(servers.port)
        stack.callback(senders.stop)
        for _round in range(3):
            seen = len(senders.acknowledged)
            wait_until(lambda seen=seen: len(senders.acknowledged) > seen + 50, timeout_s=20)  # type: ignore[misc]
            service.stop()
            failed = len(senders.failures)
            wait_until(lambda failed=failed: len(senders.failures) > failed)  # type: ignore[misc]
            service = start_redis(tmp_path / "redis")
        seen = len(senders.acknowledged)
        wait_until(lambda: len(senders.acknowledged) > seen + 50, timeout_s=20)
        senders.stop()
        kept = kept_ids(service.client())
        assert len(kept) == len(set(kept))
        assert {name.encode() for name in senders.acknowledged} <= set(kept)
        assert set(senders.failures) == {"(503, b'not now')"}


def test_silent_senders_do_not_close_the_door_for_others(servers: Servers) -> None:
    servers.started()
    head = b"POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{" % PATH.encode()
    with ExitStack() as stack:
        silent = [stack.enter_context(raw_request(servers.port, head)) for _ in range(12)]
        assert post(servers.port, body(), sender="127.0.0.2") == (200, b"ok"), "VK would have given up"
        wait_until(lambda: "slow senders cut off" in servers.log.read_text())
        del silent


def test_idle_connections_do_not_close_the_door_for_others(servers: Servers) -> None:
    """More of them than granian's own bound, 1,024, at which it stops to accept."""
    servers.started()
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, before[1]), before[1]))
    try:
        with ExitStack() as stack:
            for _ in range(1100):
                stack.enter_context(socket.create_connection(("127.0.0.1", servers.port)))
            assert post(servers.port, body(), timeout_s=5) == (200, b"ok")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize("size", [257 << 10, 30 << 20])
def test_large_body_is_refused_before_all_of_it_came(servers: Servers, size: int) -> None:
    servers.started()
    head = b"POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (PATH.encode(), size)
    with raw_request(servers.port, head) as connection:
        with suppress(ConnectionError):  # the server has answered and hung up
            connection.sendall(b"x" * size)
        assert connection.recv(4096).startswith(b"HTTP/1.1 413")
    assert post(servers.port, body()) == (200, b"ok")


def test_endless_body_takes_no_memory(servers: Servers) -> None:
    process = servers.started()
    head = b"POST %s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" % PATH.encode()
    before = psutil.Process(process.pid).memory_info().rss
    with raw_request(servers.port, head) as connection:
        with suppress(ConnectionError):
            for _ in range(1000):
                connection.sendall(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 413")
    assert psutil.Process(process.pid).memory_info().rss < before + (20 << 20)


@pytest.mark.parametrize(
    ("data", "statuses"),
    [
        (b"GET /callback/101 HTTP/1.1\r\nHost: a\r\n\r\n", {405}),
        (b"POST /callback/101 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", {400}),
        (b"POST /callback/101 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", {400}),
        (b"POST /callback/\xd9\xa1\xff HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}", {400, 404}),
        (b"POST /callback/101?x=1 HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}", {400}),
        (b"hello\r\n\r\n", {400}),
        (b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", {404, 405}),
    ],
)
def test_odd_requests_are_answered_within_our_few_codes(servers: Servers, data: bytes, statuses: set[int]) -> None:
    servers.started()
    with raw_request(servers.port, data) as connection:
        assert int(connection.recv(4096).split()[1]) in statuses
    assert post(servers.port, body()) == (200, b"ok")


def test_body_that_is_announced_and_sent_in_pieces_is_taken(servers: Servers) -> None:
    servers.started()
    raw = body()
    pieces = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (raw[:7], raw[7:])) + b"0\r\n\r\n"
    head = b"POST %s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" % PATH.encode()
    with raw_request(servers.port, head + pieces) as connection:
        assert connection.recv(4096).startswith(b"HTTP/1.1 200")


def test_hung_up_sender_leaves_the_server_unharmed(servers: Servers) -> None:
    process = servers.started()
    head = b"POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{" % PATH.encode()
    for _ in range(20):
        raw_request(servers.port, head).close()
    assert post(servers.port, body()) == (200, b"ok")
    assert process.poll() is None
    assert "Traceback" not in servers.log.read_text()


def test_server_on_a_unix_socket_takes_over_a_dead_ones_file(
    redis_service: RedisService, clean_redis: redis.Redis, tmp_path: Path
) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    path = deep / "callback.sock"
    for _life in range(2):  # the second finds the file of the first
        clean_redis.flushall()
        with closing(Servers(redis_service, tmp_path / "home", f"unix:{path}")) as servers:
            servers.started()
            with pytest.raises(Refused, match="cannot listen"):
                open_listener(servers.settings)
            connection = http.client.HTTPConnection("salo")
            connection.sock = _unix(path)
            connection.request("POST", PATH, body())
            assert connection.getresponse().read() == b"ok"
            connection.close()
        assert path.is_socket()


def _unix(path: Path) -> socket.socket:
    directory = os.open(path.parent, os.O_PATH)
    try:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(8)
        connection.connect(f"/proc/self/fd/{directory}/{path.name}")
        return connection
    finally:
        os.close(directory)


def test_file_that_is_no_socket_is_not_removed(tmp_path: Path) -> None:
    file = tmp_path / "callback.sock"
    file.write_text("precious")
    config = tmp_path / "salo.toml"
    config.write_text(f'[callback]\nhost = "unix:{file}"\n')
    with pytest.raises(Refused):
        open_listener(load_settings(config, {"SALO_HOME": str(tmp_path)}))
    assert file.read_text() == "precious"


def test_taken_port_is_one_line_and_not_a_traceback(servers: Servers) -> None:
    process = subprocess.run(
        [sys.executable, "-m", "server.callback", "--config", str(servers.config)],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "SALO_HOME": str(servers.settings.home)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert process.returncode == 1
    assert process.stderr.count("\n") == 1 and f"127.0.0.1:{servers.port}" in process.stderr


def test_server_says_nothing_secret_anywhere(servers: Servers) -> None:
    process = servers.started()
    post(servers.port, body())
    post(servers.port, body(secret="guess"))
    post(servers.port, body("confirmation"))
    seen = servers.log.read_text()
    for part in ("cmdline", "environ"):
        seen += Path(f"/proc/{process.pid}/{part}").read_text()
    with closing(http.client.HTTPConnection("127.0.0.1", servers.port)) as connection:
        connection.request("GET", "/health")
        seen += connection.getresponse().read().decode()
    for hidden in ("canary", SECRET, PASSWORD, "guess"):
        assert hidden not in seen
