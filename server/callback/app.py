"""The HTTP face of the callback servers: a Flask app, and a short way past it for what VK posts all day.

``create_app`` alone is complete; ``FastPath`` round it answers ``POST /callback/<group_id>`` by the same ``post``
for a third of the price, and hands everything else on.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from db import codec
from server.callback.body import BodyWatch, Cut, TooLarge, read_body
from server.callback.receiver import Receiver
from server.callback.verify import TOO_LARGE, UNKNOWN_GROUP, Reply, bad_request

log = logging.getLogger(__name__)

PREFIX = "/callback/"
FAILED = Reply(503, b"not now", "failed", retry_after_s=10)
_NOT_ALLOWED = Reply(405, b"method not allowed", "not_allowed")
_NOT_FOUND = Reply(404, b"not found", "not_found")
_STATUS = {
    200: "200 OK",
    400: "400 Bad Request",
    403: "403 Forbidden",
    404: "404 Not Found",
    405: "405 Method Not Allowed",
    413: "413 Content Too Large",
    503: "503 Service Unavailable",
}

Headers = list[tuple[str, str]]
WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Post:
    """Answers one posted request, from its path's last part and its WSGI environment."""

    def __init__(self, receiver: Receiver, watch: BodyWatch, body_max: int) -> None:
        self.receiver, self.watch, self._body_max = receiver, watch, body_max

    def __call__(self, group: str, environ: Mapping[str, Any]) -> Reply:
        """Return the answer. Whatever goes wrong in us is a 503, so that VK keeps the event."""
        number = _group_id(group)
        try:
            with self.watch.reading(environ.get("REMOTE_ADDR", "")):
                body = read_body(environ, self._body_max)
            reply = None if number else UNKNOWN_GROUP
        except TooLarge:
            reply = TOO_LARGE
        except Cut:
            reply = bad_request("the body is cut off")
        except Exception:
            log.exception("body not read group_id=%d", number)
            reply = FAILED
        if reply is None:
            return self._receive(number, body)
        self.receiver.count(reply, number)
        return reply

    def _receive(self, number: int, body: bytes) -> Reply:
        try:
            return self.receiver.receive(number, body)
        except Exception:  # the broad net of this process
            log.exception("callback failed group_id=%d", number)
            self.receiver.counters.add(FAILED.reason)
            return FAILED


class FastPath:
    """The WSGI application that the server runs."""

    def __init__(self, app: Flask, post: Post) -> None:
        self._app, self._post = app, post
        self._leaving = False

    def leave(self) -> None:
        """From now on ask senders to come again on another connection, which another server takes."""
        self._leaving = True

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if environ.get("REQUEST_METHOD") != "POST" or not path.startswith(PREFIX) or "/" in path[len(PREFIX) :]:
            return self._app.wsgi_app(environ, start_response)
        reply = self._post(path[len(PREFIX) :], environ)
        headers = _headers(reply)
        if self._leaving:
            headers.append(("Connection", "close"))
        start_response(_STATUS[reply.status], headers)
        return [reply.body]


def create_app(post: Post) -> Flask:
    """Return the Flask app: the callback door and ``/health``."""
    app = Flask("salo", static_folder=None)
    app.url_map.merge_slashes = False  # it would answer 308, which VK takes for a failure
    receiver = post.receiver

    @app.post("/callback/<group>", provide_automatic_options=False)
    def receive(group: str) -> Response:
        """Take one event of VK."""
        return _response(post(group, request.environ))

    @app.get("/health/live", provide_automatic_options=False)
    def live() -> Response:
        return _json(200, {"live": True, "pid": os.getpid()})

    @app.get("/health/ready", provide_automatic_options=False)
    def ready() -> Response:
        is_ready = receiver.is_ready()
        return _json(200 if is_ready else 503, {"ready": is_ready, "pid": os.getpid()})

    @app.get("/health", provide_automatic_options=False)
    def health() -> Response:
        is_ready = receiver.is_ready()
        facts = {"live": True, "ready": is_ready, "pid": os.getpid(), "counters": receiver.counters.total()}
        return _json(200 if is_ready else 503, facts)

    @app.errorhandler(Exception)
    def failed(error: Exception) -> Response:
        """Answer what Flask itself refuses, within our few codes; our own failure is a 503."""
        if isinstance(error, HTTPException) and (error.code or 500) < 500:
            reply = {404: _NOT_FOUND, 405: _NOT_ALLOWED}.get(error.code or 0, bad_request("refused by Flask"))
            receiver.counters.add(reply.reason)
            return _response(reply)
        log.exception("request failed")
        receiver.counters.add(FAILED.reason)
        return _response(FAILED)

    return app


def _group_id(text: str) -> int:
    """Return the number in the path, or 0, which is nobody's."""
    return int(text) if len(text) < 19 and text.isascii() and text.isdigit() else 0


def _headers(reply: Reply) -> Headers:
    headers = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(reply.body)))]
    if reply.retry_after_s is not None:
        headers.append(("Retry-After", str(reply.retry_after_s)))
    if reply.status == 405:
        headers.append(("Allow", "POST"))
    return headers


def _response(reply: Reply) -> Response:
    return Response(reply.body, _STATUS[reply.status], headers=_headers(reply))


def _json(status: int, value: object) -> Response:
    response = Response(codec.dumps(value), status, mimetype="application/json")
    if status == 503:
        response.headers["Retry-After"] = "5"
    return response
