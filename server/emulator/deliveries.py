"""Brings events to callback servers: in parallel, over kept connections, again by VK's schedule."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Callable
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
        if server.status == "ok" or self._waits(server):
            self._put(delivery)
        else:
            told["outcome"] = f"dropped: server is {server.status}"

    def _put(self, delivery: Delivery) -> None:
        line = self._line(delivery.community, delivery.server)
        if len(line.waiting) >= WAITING_MAX:
            delivery.told["outcome"] = f"dropped: {WAITING_MAX} wait"
            return
        line.waiting.append(delivery)
        if line.active < self._core.tuning.parallel and not self._waits(delivery.server):
            line.active += 1
            self._spawn(self._drain(line))

    def _waits(self, server: CallbackServer) -> bool:
        """Tell whether deliveries wait for ``server``: it is being confirmed, or stopped and to get them later."""
        held = server.suspended and self._core.tuning.suspend_holds
        return server.status == "wait" or (server.status == "failed" and held)

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
            while line.waiting and not self._waits(line.waiting[0].server):
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
                server.errors = 0
                server.api_version = version or server.api_version
                told |= {"outcome": "accepted", "accepted_ms": self._now_ms()}
            case Removed():
                delivery.community.servers.pop(server.server_id, None)
                told["outcome"] = "removed the server"
            case Again(delay_s, postponed):
                delivery.postponed += postponed
                self._later(delay_s, self._put, delivery)
                if not postponed or self._core.tuning.suspend_counts_postponed:
                    self._count_error(delivery.community, server)
            case GivenUp():
                told["outcome"] = "given up"
                self._count_error(delivery.community, server)

    def _later(self, delay_s: float, act: Callable[..., None], *values: Any) -> None:
        asyncio.get_running_loop().call_later(delay_s * self._core.tuning.time_scale, act, *values)

    def _count_error(self, community: Community, server: CallbackServer) -> None:
        """Stop a server that failed too often in a row, for a while or until somebody sets it up again."""
        server.errors += 1
        tuning = self._core.tuning
        if server.status == "ok" and tuning.suspend_after and server.errors >= tuning.suspend_after:
            server.status, server.suspended = "failed", True
            server.suspensions += 1
            if tuning.suspend_s:
                self._later(tuning.suspend_s, self._lift, community, server, server.suspensions)

    def _lift(self, community: Community, server: CallbackServer, suspension: int) -> None:
        """End one suspension, unless it ended before."""
        if server.suspended and server.suspensions == suspension:
            self.settle(community, server, "ok")

    def settle(self, community: Community, server: CallbackServer, status: str) -> None:
        """Give a server its status and a clean slate, and send what waited for it."""
        server.status, server.errors, server.suspended = status, 0, False
        self._pump(self._line(community, server))

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
        self.settle(community, server, "ok" if right else "failed")

    def _now_ms(self) -> int:
        return int(self._core.clock() * 1000)
