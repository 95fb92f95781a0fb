"""``/method/<name>``: reads a call as VK does, admits it, acts out scripted faults, and answers in VK's shape."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from aiohttp import web

from db.codec import dumps
from server.emulator import params as read
from server.emulator.acting import Acting
from server.emulator.core import Call, Core, Sender
from server.emulator.errors import VkError
from server.emulator.faults import Fault
from server.emulator.methods import perform
from server.emulator.methods.scripts import Scripted, Struck
from server.emulator.params import Params, read_params
from server.emulator.rate import Meter
from server.emulator.world import Community

METERS_MAX = 10_000


class Api:
    """The API of one emulated VK."""

    def __init__(self, core: Core, sender: Sender, acting: Acting) -> None:
        self._core = core
        self._sender = sender
        self._acting = acting

    async def answer(self, request: web.BaseRequest, method: str) -> web.StreamResponse:
        params = await read_params(request)
        token = params.pop("access_token", "") or _bearer(request)
        community = self._core.world.by_token.get(token)
        if community is not None:
            self._meter(token).arrive(time.monotonic(), method)
        fault = self._core.faults.pick(method, params, community.group_id if community else 0, self._core.dice)
        reply = partial(self._reply, method, params, token, community, fault)
        try:
            return reply() if fault is None else await self._acting.act_out(request, fault, reply)
        except Struck as struck:
            return await self._acting.act_out(request, struck.fault, partial(_shown, struck.outcome))

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
        if not self._meter(token).admit(time.monotonic(), self._core.tuning.rate_limit):
            raise VkError(6)
        if fault is not None and fault.kind in ("error", "captcha"):
            raise fault.error()
        return perform(method, Call(self._core, self._sender, community, params, version))

    def _meter(self, token: str) -> Meter:
        meter = self._core.meters.get(token)
        if meter is None:
            if len(self._core.meters) >= METERS_MAX:
                self._core.meters.clear()
            meter = self._core.meters[token] = Meter()
        return meter


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
