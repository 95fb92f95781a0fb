"""Brings events to callback servers: in parallel, over kept connections, again by VK's schedule."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from server.emulator.core import Core
from server.emulator.envelope import envelope, peer_of
from server.emulator.events import EVENTS
from server.emulator.log import Log
from server.emulator.schedule import Accepted, Again, Answer, GivenUp, Removed, judge
from server.emulator.world import CallbackServer, Community

WAITING_MAX = 100_000  # deliveries waiting for one server; further ones are dropped and told so
ANSWER_MAX = 4096  # bytes of an answer that are looked at


@dataclass(slots=True)
class Delivery:
    """One event on its way to one server. ``told`` is what the control interface shows of it."""

    community: Community
    server: CallbackServer
    body: bytes
    told: dict[str, Any]
    postponed: int = 0


@dataclass(slots=True)
class Line:
    """The deliveries of one server: those waiting, and how many are under way."""

    waiting: deque[Delivery] = field(default_factory=deque)
    active: int = 0


class Deliveries:
    """All events, for all communities. ``log`` lists one entry for each event, server and copy."""

    def __init__(self, core: Core) -> None:
        self.log = Log()
        self._core = core
        self._lines: dict[tuple[int, int], Line] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=60, ttl_dns_cache=None),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Content-Type": "application/json"},
            auto_decompress=False,
        )

    async def stop(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def post(self, community: Community, event_id: str, kind: str, content: Any, copies: int) -> int:
        """Take in an event for every server of ``community`` that wants its kind; return how many copies there are."""
        servers = [server for server in community.servers.values() if kind in server.events or kind not in EVENTS]
        for server in servers:
            for _ in range(copies):
                self._enter(community, server, event_id, kind, content)
        return len(servers) * copies

    def _enter(self, community: Community, server: CallbackServer, event_id: str, kind: str, content: Any) -> None:
        told = {
            "event_id": event_id,
            "group_id": community.group_id,
            "server_id": server.server_id,
            "type": kind,
            "peer_id": peer_of(content),
            "made_ms": self._now_ms(),
            "attempts": 0,
            "statuses": [],
            "accepted_ms": None,
            "outcome": "pending",
        }
        self.log.add(told)
        body = envelope(community.group_id, server.api_version, event_id, kind, content, server.secret_key)
        delivery = Delivery(community, server, body, told)
        if server.status in ("ok", "wait"):
            self._put(delivery)
        else:
            told["outcome"] = f"dropped: server is {server.status}"

    def _put(self, delivery: Delivery) -> None:
        line = self._line(delivery.community, delivery.server)
        if len(line.waiting) >= WAITING_MAX:
            delivery.told["outcome"] = f"dropped: {WAITING_MAX} wait"
            return
        line.waiting.append(delivery)
        if line.active < self._core.tuning.parallel and delivery.server.status != "wait":
            line.active += 1
            self._spawn(self._drain(line))

    def _line(self, community: Community, server: CallbackServer) -> Line:
        return self._lines.setdefault((community.group_id, server.server_id), Line())

    def _pump(self, line: Line) -> None:
        """Start runners, up to the limit, for what waits; each runs until nothing does."""
        for _ in range(min(self._core.tuning.parallel - line.active, len(line.waiting))):
            line.active += 1
            self._spawn(self._drain(line))

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _drain(self, line: Line) -> None:
        try:
            while line.waiting and line.waiting[0].server.status != "wait":
                await self._attempt(line.waiting.popleft())
        finally:
            line.active -= 1

    async def _attempt(self, delivery: Delivery) -> None:
        server, told = delivery.server, delivery.told
        if server.server_id not in delivery.community.servers or server.status == "failed":
            told["outcome"] = "dropped: server is deleted or failed"
            return
        answer = await self._post(server.url, delivery.body, told["attempts"])
        failed = told["attempts"]
        told["attempts"] += 1
        told["statuses"].append(answer.told)
        counts = self._core.tuning.retry_after_counts
        match judge(answer, failed, delivery.postponed, self._core.clock(), postponed_counts=counts):
            case Accepted(version):
                server.api_version = version or server.api_version
                told |= {"outcome": "accepted", "accepted_ms": self._now_ms()}
            case Removed():
                delivery.community.servers.pop(server.server_id, None)
                told["outcome"] = "removed the server"
            case Again(delay_s, postponed):
                delivery.postponed += postponed
                scaled = delay_s * self._core.tuning.time_scale
                asyncio.get_running_loop().call_later(scaled, self._put, delivery)
            case GivenUp():
                told["outcome"] = "given up"

    async def _post(self, url: str, body: bytes, failed: int) -> Answer:
        """POST once; whatever goes wrong is an answer too."""
        assert self._session is not None
        headers = {"X-Retry-Counter": str(failed)} if failed else None
        timeout = aiohttp.ClientTimeout(total=self._core.tuning.timeout_s)
        try:
            async with self._session.post(
                url, data=body, headers=headers, timeout=timeout, allow_redirects=False
            ) as response:
                text = await response.content.read(ANSWER_MAX)
                return Answer(response.status, text, response.headers)
        except TimeoutError:
            return Answer(0, fault="timeout")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Answer(0, fault=type(error).__name__)

    def confirm_later(self, community: Community, server: CallbackServer) -> None:
        """Ask the server for the confirmation code, right after the call that is being answered."""
        server.status = "wait"
        self._spawn(self._confirm(community, server))

    async def confirm(self, community: Community, server: CallbackServer) -> str:
        """Ask for the confirmation code now; return the server's status, ``ok`` or ``failed``."""
        server.status = "wait"
        await self._confirm(community, server)
        return server.status

    async def _confirm(self, community: Community, server: CallbackServer) -> None:
        event_id = secrets.token_hex(20)
        body = envelope(community.group_id, server.api_version, event_id, "confirmation", None, server.secret_key)
        answer = await self._post(server.url, body, 0)
        right = answer.status == 200 and answer.body.decode(errors="replace") == community.confirmation
        server.status = "ok" if right else "failed"
        self._pump(self._line(community, server))

    def _now_ms(self) -> int:
        return int(self._core.clock() * 1000)
