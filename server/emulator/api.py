"""``/method/<name>``: reads a call as VK does, admits it, acts out scripted faults, and answers in VK's shape."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from db.codec import dumps
from server.emulator import params as read
from server.emulator.core import Call, Core, Sender
from server.emulator.errors import VkError
from server.emulator.faults import Fault
from server.emulator.methods import perform
from server.emulator.methods.scripts import Scripted, Struck
from server.emulator.params import Params
from server.emulator.rate import Meter
from server.emulator.world import Community

HANG_MAX_S = 600.0
METERS_MAX = 10_000
_HTML = (
    b"<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>"
)


class Api:
    """The API of one emulated VK."""

    def __init__(self, core: Core, sender: Sender) -> None:
        self._core = core
        self._sender = sender
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Let go of all calls that hang."""
        self._stopping.set()

    async def answer(self, request: web.BaseRequest, method: str) -> web.StreamResponse:
        params = await read_params(request)
        token = params.pop("access_token", "") or _bearer(request)
        community = self._core.world.by_token.get(token)
        fault = self._core.faults.pick(method, params, community.group_id if community else 0, self._core.dice)
        reply = partial(self._reply, method, params, token, community, fault)
        try:
            return reply() if fault is None else await self._act_out(request, fault, reply)
        except Struck as struck:
            return await self._act_out(request, struck.fault, partial(_shown, struck.outcome))

    async def _act_out(self, request: web.BaseRequest, fault: Fault, reply: Any) -> web.StreamResponse:
        """Answer as the fault has it; only ``slow``, ``reset_after`` and errors get to the method's door."""
        match fault.kind:
            case "http":
                return web.Response(status=fault.status, body=_HTML, content_type="text/html")
            case "hang":
                await self._hang(request)
                return _cut(request)
            case "reset_before":
                return _cut(request)
            case "reset_after":
                reply()
                return _cut(request)
            case "slow":
                await asyncio.sleep(fault.ms / 1000)
        response: web.StreamResponse = reply()
        return response

    async def _hang(self, request: web.BaseRequest) -> None:
        """Wait until the client gives up or the emulator stops."""
        end = time.monotonic() + HANG_MAX_S
        while request.transport is not None and not self._stopping.is_set() and time.monotonic() < end:
            await asyncio.sleep(0.05)

    def _reply(
        self, method: str, params: Params, token: str, community: Community | None, fault: Fault | None
    ) -> web.Response:
        calls = self._core.calls
        calls[method] += 1
        try:
            return _shown(self._run(method, params, token, community, fault))
        except VkError as error:
            calls[f"{method}:{error.code}"] += 1
            echoed = params | ({"access_token": token} if self._core.tuning.echo_token and token else {})
            return _json({"error": _shown_error(error, method, echoed)})

    def _run(self, method: str, params: Params, token: str, community: Community | None, fault: Fault | None) -> Any:
        """Admit one call in VK's order and run it: token, version, rate, fault, method."""
        if community is None:
            tail = "invalid access_token (4)." if token else "no access_token passed."
            raise VkError(5, tail)
        version = read.version(params)
        self._admit(token)
        if fault is not None and fault.kind in ("error", "captcha"):
            raise fault.error()
        return perform(method, Call(self._core, self._sender, community, params, version))

    def _admit(self, token: str) -> None:
        meter = self._core.meters.get(token)
        if meter is None:
            if len(self._core.meters) >= METERS_MAX:
                self._core.meters.clear()
            meter = self._core.meters[token] = Meter()
        if not meter.admit(time.monotonic(), self._core.tuning.rate_limit):
            raise VkError(6)


async def read_params(request: web.BaseRequest) -> Params:
    """Return query and form together; the form wins. A JSON body is not read, as VK does not."""
    params: Params = dict(request.query)
    if request.method != "POST" or not request.body_exists:
        return params
    if request.content_type == "multipart/form-data":
        form = await request.post()
        return params | {key: value for key, value in form.items() if isinstance(value, str)}
    if request.content_type == "application/json":
        return params
    body = (await request.read()).decode(errors="replace")
    params.update(parse_qsl(body, keep_blank_values=True))
    return params


def _bearer(request: web.BaseRequest) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _shown(value: Any) -> web.Response:
    """Return a method's answer; a script has its failed calls beside it."""
    return _json(value.body if isinstance(value, Scripted) else {"response": value})


def _json(body: dict[str, Any]) -> web.Response:
    return web.Response(body=dumps(body), headers={"Content-Type": "application/json; charset=utf-8"})


def _shown_error(error: VkError, method: str, params: Params) -> dict[str, Any]:
    """Return VK's error object. It echoes the parameters, message text too; a client has to redact them."""
    echoed = [{"key": "method", "value": method}, {"key": "oauth", "value": "1"}]
    if "v" in params:
        echoed.append({"key": "v", "value": params["v"]})
    echoed += [{"key": key, "value": value} for key, value in params.items() if key != "v"]
    return {"error_code": error.code, "error_msg": error.text, "request_params": echoed} | error.extra


def _cut(request: web.BaseRequest) -> web.Response:
    """Reset the client's connection at once; the answer returned is never written."""
    transport = request.transport
    if transport is not None:
        sock = transport.get_extra_info("socket")
        if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    return web.Response(status=500)
