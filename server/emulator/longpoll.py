"""Bots Long Poll's own address: takes in events, holds polls until there are some, fails as VK does or as ordered."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from aiohttp import web

from db.codec import dumps, encoded
from server.emulator.acting import Acting, cut
from server.emulator.core import Core
from server.emulator.envelope import envelope
from server.emulator.events import EVENTS
from server.emulator.history import Failed, LongPoll, News, look
from server.emulator.orders import boolean, known, number, string, strings
from server.emulator.params import Params, read_params
from server.emulator.world import Community

PATH = "/whp/"
ACT = "a_check"
WAIT_S, WAIT_MAX_S = 25, 90
WAITING_MAX = 1000  # polls of one community at a time
VERSIONS = range(4)  # that a client may name; another one is failed 4
NAMES = {"group_id", "enabled", "events", "api_version", "expire", "forget", "lose", "stall", "mute"}  # of an order


class LongPolls:
    """The long polls of all communities."""

    def __init__(self, core: Core, acting: Acting) -> None:
        self._core = core
        self._acting = acting
        self._stopping = False

    def stop(self) -> None:
        """Let go of all polls that wait."""
        self._stopping = True
        for community in self._core.world.communities.values():
            community.long_poll.wake()

    def post(self, community: Community, event_id: str, kind: str, content: Any, copies: int) -> int:
        """Take in an event that the community wants by long poll; return how many copies were."""
        poll = community.long_poll
        if not poll.enabled or (kind in EVENTS and kind not in poll.events):
            return 0
        event = envelope(community.group_id, poll.api_version, event_id, kind, content)
        for _ in range(copies):
            poll.add(event, self._core.tuning.longpoll_kept)
        return copies

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one poll, GET or POST."""
        params = await read_params(request)
        name = request.path.removeprefix(PATH)
        community = self._core.world.communities.get(int(name)) if name.isdecimal() and len(name) < 19 else None
        if community is None or params.get("act") != ACT:
            return web.Response(status=404, text="no such long poll\n")
        if len(community.long_poll.waiting) >= WAITING_MAX:
            return web.Response(status=503, text="too many polls\n")
        fault = self._core.faults.pick(ACT, params, community.group_id, self._core.dice, named=True)
        if fault is None:
            return await self._poll(request, community.long_poll, params)
        if fault.kind == "error":
            return _json(_failed(Failed(fault.code, community.long_poll.last if fault.code == 1 else None)))
        return await self._acting.act_out(request, fault, lambda: _shown(self._look(community.long_poll, params)))

    def _look(self, poll: LongPoll, params: Params) -> Failed | News:
        return look(poll, params.get("key", ""), params.get("ts", ""), self._core.clock(), self._core.tuning)

    async def _poll(self, request: web.BaseRequest, poll: LongPoll, params: Params) -> web.StreamResponse:
        if params.get("version", "3") not in map(str, VERSIONS):
            return _json(_failed(Failed(4)))
        wait = params.get("wait", "")
        wait_s = min(int(wait) if wait.isdecimal() and len(wait) < 9 else WAIT_S, WAIT_MAX_S)
        end = time.monotonic() + wait_s
        while not self._stopping:
            if poll.stalled:
                return await self._acting.hang(request)
            found = self._look(poll, params)
            left = end - time.monotonic()
            if isinstance(found, Failed) or found.events or left <= 0:
                return _shown(found)
            await _woken(poll, left)
        return cut(request)

    def order(self, order: dict[str, Any]) -> dict[str, Any]:
        """Change a community's long poll, or let it go wrong; tell how it stands.

        ``enabled``, ``events`` (names; null for all) and ``api_version`` are its settings. ``expire`` makes the key
        worthless (failed 2), ``forget`` drops that many of the oldest events that are kept (failed 1), ``lose`` all
        (failed 3). ``stall`` takes polls and answers none until it is false again; those taken stay unanswered.
        ``mute`` answers them in time and tells nothing, until it is false or somebody asks for the server anew.
        """
        known(order, "longpoll", NAMES)
        community = self._core.world.community(order.get("group_id"))
        poll = community.long_poll
        poll.enabled = boolean(order, "enabled", poll.enabled)
        poll.api_version = string(order, "api_version", poll.api_version)
        if "events" in order:
            poll.events = set(EVENTS if order["events"] is None else strings(order, "events"))
        if boolean(order, "expire", False):
            poll.key_until = 0.0
        poll.forget(number(order, "forget", 0))
        if boolean(order, "lose", False):
            poll.lose()
        poll.stalled, poll.muted = boolean(order, "stall", poll.stalled), boolean(order, "mute", poll.muted)
        poll.wake()
        return {
            "group_id": community.group_id,
            "server": server_of(self._core, community),
            "enabled": poll.enabled,
            "api_version": poll.api_version,
            "events": sorted(poll.events),
            "first": poll.first,
            "last": poll.last,
            "polls": len(poll.waiting),
            "stalled": poll.stalled,
            "muted": poll.muted,
        }


def server_of(core: Core, community: Community) -> str:
    return f"{core.url}{PATH}{community.group_id}"


async def _woken(poll: LongPoll, timeout_s: float) -> None:
    """Wait for something to happen to ``poll``, at most ``timeout_s``."""
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    poll.waiting.add(future)
    try:
        await asyncio.wait_for(future, timeout_s)
    except TimeoutError:
        return
    finally:
        poll.waiting.discard(future)


def _shown(found: Failed | News) -> web.Response:
    """Return the answer: its ``ts`` is a string, but a number beside ``failed``."""
    if isinstance(found, Failed):
        return _json(_failed(found))
    return _json({"ts": str(found.ts), "updates": [encoded(event) for event in found.events]})


def _failed(found: Failed) -> dict[str, Any]:
    body: dict[str, Any] = {"failed": found.code}
    if found.ts is not None:
        body["ts"] = found.ts
    if found.code == 4:
        body |= {"min_version": VERSIONS[0], "max_version": VERSIONS[-1]}
    return body


def _json(body: dict[str, Any]) -> web.Response:
    return web.Response(body=dumps(body), headers={"Content-Type": "application/json; charset=utf-8"})
