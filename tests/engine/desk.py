"""A tiny VK on the loopback: remembers each call, suppresses repeats by random_id, answers what a test scripts."""

from __future__ import annotations

import json
import threading
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl


@dataclass(frozen=True)
class Call:
    method: str
    values: dict[str, str]


@dataclass
class Desk:
    """Scripted answers are used up one a call; then every call succeeds.

    An answer is an object sent as JSON, bytes sent as HTML, a number sent as a status, ``close`` (the call takes
    effect and the connection is cut), ``hang`` (it takes effect and nothing is answered until ``forget``), ``stall``
    (the same without an effect), or ``fine`` (as without a script).
    """

    calls: list[Call] = field(default_factory=list)
    visible: list[Call] = field(default_factory=list)  # messages that people see, each once
    _script: deque[Any] = field(default_factory=deque)
    _released: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._released.set()
        self._server.shutdown()
        self._server.server_close()

    def script(self, *answers: Any) -> None:
        self._script.extend(answers)

    def forget(self) -> None:
        """Begin anew, and let calls that still hang end."""
        self._released.set()
        with self._lock:
            self.calls, self.visible = [], []
            self._script.clear()
            self._released = threading.Event()

    @property
    def texts(self) -> list[str]:
        return [call.values.get("message", "") for call in self.visible]

    def take(self, call: Call) -> Any:
        """Note a call and return what to answer."""
        with self._lock:
            self.calls.append(call)
            answer = self._script.popleft() if self._script else None
            if answer in (None, "fine", "close", "hang"):
                effect = self._effect(call)
                answer = {"response": effect} if answer in (None, "fine") else answer
            released = self._released
        if answer in ("hang", "stall"):
            released.wait(20)
        return answer

    def _effect(self, call: Call) -> Any:
        values = call.values
        if call.method == "users.get":
            return [{"id": int(values["user_ids"]), "first_name": "Иван", "last_name": "Петров"}]
        if call.method != "messages.send":
            return 1
        peer = values.get("peer_ids") or values["peer_id"]
        number = values.get("random_id", "0")
        seen = {
            (one.values.get("peer_ids") or one.values["peer_id"], one.values.get("random_id")) for one in self.visible
        }
        if number == "0" or (peer, number) not in seen:
            self.visible.append(call)
        number = len(self.visible)
        if "peer_ids" in values:
            return [{"peer_id": int(peer), "message_id": 0, "conversation_message_id": number}]
        return number


def _handler(desk: Desk) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            answer = desk.take(Call(self.path.removeprefix("/method/"), dict(parse_qsl(body))))
            if isinstance(answer, str):
                self.close_connection = True
                return
            status = answer if isinstance(answer, int) else 200
            payload = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, *_: object) -> None:
            return

    return Handler
