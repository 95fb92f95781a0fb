"""A running emulator for synchronous tests: in a thread of its own, driven over HTTP as any other program would."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests

from server.emulator.app import Emulator
from server.emulator.tuning import Tuning


class EmulatorClient:
    """The emulator's control interface, blocking. ``url`` is what ``[vk] api_url`` takes."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._session = requests.Session()
        self._session.trust_env = False

    def order(self, path: str, body: Any) -> Any:
        """POST one order, say ``order("say", {...})``; a refusal fails the test."""
        response = self._session.post(f"{self.url}/emulator/{path}", json=body, timeout=30)
        assert response.status_code == 200, response.text
        return response.json()

    def read(self, path: str, **query: object) -> Any:
        response = self._session.get(
            f"{self.url}/emulator/{path}", params={k: str(v) for k, v in query.items()}, timeout=70
        )
        assert response.status_code == 200, response.text
        return response.json()

    def call(self, method: str, token: str, **params: object) -> Any:
        """Call an API method as a bot would; return the whole answer."""
        values = {"access_token": token, "v": "5.199", **params}
        return self._session.post(f"{self.url}/method/{method}", data=values, timeout=30).json()

    def call_status(self, method: str, token: str, **params: object) -> int:
        """Call an API method; return the HTTP status alone."""
        values = {"access_token": token, "v": "5.199", **params}
        return self._session.post(f"{self.url}/method/{method}", data=values, timeout=30).status_code

    def poll(self, wait: int = 0, **params: object) -> Any:
        """Ask the long poll at ``server`` with ``key`` and ``ts`` once; return the whole answer."""
        values = {"act": "a_check", "wait": wait, **params}
        server = values.pop("server")
        return self._session.get(str(server), params={k: str(v) for k, v in values.items()}, timeout=wait + 10).json()

    def community(self, group_id: int, token: str, **more: object) -> Any:
        return self.order("communities", {"group_id": group_id, "token": token, **more})

    def say(self, from_id: int, group_id: int, text: str, **more: object) -> Any:
        return self.order("say", {"from_id": from_id, "group_id": group_id, "text": text, **more})

    def sent(self, after: int = 0, **query: object) -> list[dict[str, Any]]:
        """Return what bots sent after number ``after``; ``wait=5`` holds until there is something."""
        found: list[dict[str, Any]] = self.read("sent", after=after, **query)["sent"]
        return found

    def fault(self, **fault: object) -> None:
        self.order("faults", fault)

    def forget_rate(self) -> Any:
        """Count requests from here on; return what was counted so far."""
        response = self._session.delete(f"{self.url}/emulator/rate", timeout=30)
        response.raise_for_status()
        return response.json()

    def clear_faults(self) -> None:
        self._session.delete(f"{self.url}/emulator/faults", timeout=30).raise_for_status()


@contextmanager
def running_emulator(**tuning: Any) -> Iterator[EmulatorClient]:
    """Run an emulator on a free port until the block ends."""
    loop = asyncio.new_event_loop()
    emulator = Emulator(tuning=Tuning().changed(tuning))
    thread = threading.Thread(target=loop.run_forever, name="emulator", daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(emulator.start(), loop).result(10)
    try:
        yield EmulatorClient(emulator.url)
    finally:
        asyncio.run_coroutine_threadsafe(emulator.stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


class CallbackReceiver(ThreadingHTTPServer):
    """A bot's callback server for tests: notes every event and answers what ``answers`` says, else ``ok``.

    ``answers`` are used up in order by events other than the confirmation, as ``(status, body, headers)``.
    """

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, confirmation: str = "", delay_s: float = 0.0) -> None:
        super().__init__(("127.0.0.1", 0), _Receive)
        self.confirmation = confirmation
        self.delay_s = delay_s
        self.answers: list[tuple[int, bytes, dict[str, str]]] = []
        self.events: list[dict[str, Any]] = []
        self.retries: list[str | None] = []  # X-Retry-Counter of each event
        self.connections = 0
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/callback"

    def of_kind(self, kind: str) -> list[dict[str, Any]]:
        with self.lock:
            return [event for event in self.events if event["type"] == kind]

    def handle_error(self, request: object, client_address: object) -> None:
        """A sender that left early is no news here."""

    def take_answer(self, event: dict[str, Any], retry: str | None) -> tuple[int, bytes, dict[str, str]]:
        with self.lock:
            self.events.append(event)
            self.retries.append(retry)
            if event["type"] == "confirmation":
                return 200, self.confirmation.encode(), {}
            return self.answers.pop(0) if self.answers else (200, b"ok", {})


class _Receive(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: CallbackReceiver

    def setup(self) -> None:
        super().setup()
        with self.server.lock:
            self.server.connections += 1

    def do_POST(self) -> None:
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status, body, headers = self.server.take_answer(event, self.headers.get("X-Retry-Counter"))
        time.sleep(self.server.delay_s)
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the tests look at what was noted."""


@contextmanager
def running_receiver(confirmation: str = "", delay_s: float = 0.0) -> Iterator[CallbackReceiver]:
    """Run a callback receiver on a free port until the block ends."""
    receiver = CallbackReceiver(confirmation, delay_s)
    thread = threading.Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.shutdown()
        thread.join(10)
        receiver.server_close()
