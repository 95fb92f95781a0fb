"""The terminal's store: follows the platform over the control socket, and tells the screens when something changed.

One asyncio task. It comes back with growing delays after the platform went away, says so, and begins again with a
snapshot. Changes are told at most four times a second, however many events come.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from db.protocol import PlatformEvent
from db.state import StateDir
from db.texts import _
from salo_tui.client import Client, PlatformUnreachable, Refused
from salo_tui.state import LOG, NotUnderstood, State, applied, asked, begun, renewed

NOTIFY_S = 0.25  # between two notifications, at least
REFRESH_S = 1.0  # between two snapshots, for what no event tells: queues, counters, memory
STALE_S = 0.25  # between two snapshots when events were missed
ANSWER_S = 5.0  # a platform that is silent for so long is given up, and another link tried
EVENTS_AT_ONCE = 200  # then others in the loop have their turn
SINCE_MAX = 1000  # events that may come while a snapshot is waited for; with more of them another one is asked for
BACKOFF_FIRST_S, BACKOFF_MOST_S = 0.2, 5.0


class LinkStatus(Enum):
    """How the link to the platform is."""

    CONNECTING = "connecting"  # there was none yet
    CONNECTED = "connected"
    LOST = "lost"
    RECONNECTED = "reconnected"


@dataclass(frozen=True, slots=True)
class Link:
    """The link at this moment; of a lost one why, and which attempt to come back is the next."""

    status: LinkStatus
    reason: str = ""
    attempt: int = 0

    @property
    def is_up(self) -> bool:
        return self.status in (LinkStatus.CONNECTED, LinkStatus.RECONNECTED)


class Store:
    """Holds the ``state`` and the ``link``. All callbacks run in the loop of ``run`` and must not wait.

    ``on_change`` is called after the state changed, ``on_link`` at each change of the link at once, and ``on_event``
    for each event as it comes, log lines too.
    """

    def __init__(
        self,
        home: StateDir,
        on_change: Callable[[State], None],
        on_link: Callable[[Link], None] = lambda link: None,
        on_event: Callable[[PlatformEvent], None] = lambda event: None,
    ) -> None:
        self.state = State()
        self.link = Link(LinkStatus.CONNECTING)
        self.notify_s = NOTIFY_S
        self.client: Client | None = None  # for commands, while the link is up
        self._home = home
        self._on_change, self._on_link, self._on_event = on_change, on_link, on_event
        self._dice = random.Random()
        self._told: State | None = None
        self._told_at = float("-inf")
        self._timer: asyncio.TimerHandle | None = None
        self._since: list[PlatformEvent] | None = None  # while a snapshot is waited for
        self._stale = asyncio.Event()
        self._was_up = False
        self._hurried = asyncio.Event()

    def hurry(self) -> None:
        """Try to connect again now, and soon after: there is reason to think that the platform comes up."""
        self._hurried.set()

    async def run(self) -> None:
        """Follow the platform until cancelled."""
        attempt = 0
        try:
            while True:
                reason = await self._follow_once()
                attempt = 1 if self.link.is_up else attempt + 1
                status = LinkStatus.LOST if self._was_up else LinkStatus.CONNECTING
                self._set_link(Link(status, reason, attempt))
                if await self._pause(backoff_s(attempt, self._dice)):
                    attempt = 1
        finally:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None  # else whoever follows again would wait for it for ever

    async def _pause(self, seconds: float) -> bool:
        """Wait, and return whether we were told to hurry."""
        try:
            async with asyncio.timeout(seconds):
                await self._hurried.wait()
        except TimeoutError:
            return False
        self._hurried.clear()
        return True

    async def _follow_once(self) -> str:
        """Follow one connection to its end, and return why it ended."""
        try:
            async with await Client.connect(self._home) as client:
                start = await client.subscribe()
                self._put(begun(self.state, start["seq"], start["snapshot"]))
                self.client = client
                self._set_link(Link(LinkStatus.RECONNECTED if self._was_up else LinkStatus.CONNECTED))
                await self._follow(client)
        except (PlatformUnreachable, Refused, NotUnderstood) as error:
            return str(error)
        except asyncio.CancelledError:
            if _is_cancelled():
                raise
            return _("a fault of this terminal: {fault}").format(fault="CancelledError")  # of something we waited for
        except Exception as error:  # what a platform says may surprise us; a link that ends unseen would be worse
            return _("a fault of this terminal: {fault}").format(fault=repr(error))
        finally:
            self.client = None
        return ""

    async def _follow(self, client: Client) -> None:
        """Apply events until there are no more, with fresh snapshots between them."""
        refreshing = asyncio.create_task(self._refresh(client))
        try:
            count = 0
            async for event in client.events():
                self._take(event)
                count += 1
                if count % EVENTS_AT_ONCE == 0:
                    await asyncio.sleep(0)
        finally:
            refreshing.cancel()
            (ended,) = await asyncio.gather(refreshing, return_exceptions=True)
            self._since = None
        if isinstance(ended, Exception):
            raise ended

    def _take(self, event: PlatformEvent) -> None:
        if self._since is not None and event.topic != LOG:
            self._since.append(event)
        self._put(applied(self.state, event))
        self._on_event(event)

    async def _refresh(self, client: Client) -> None:
        """Ask for a snapshot each second, and sooner when events were missed. Hangs up when none comes."""
        try:
            while True:
                await asyncio.sleep(STALE_S)
                await self._wait_stale(REFRESH_S - STALE_S)
                self._since, self.state = [], asked(self.state)
                snapshot = await client.call("snapshot", {}, ANSWER_S)
                since, self._since = self._since, None
                self._put(renewed(self.state, snapshot, since[-SINCE_MAX:]))
                if len(since) > SINCE_MAX:
                    self._stale.set()
        finally:
            client.hang_up()  # also after a fault of ours: with no fresh snapshots the link is of no use

    async def _wait_stale(self, timeout_s: float) -> None:
        """Return when the state is stale, or after a while."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._stale.wait()
        except TimeoutError:
            pass
        self._stale.clear()

    def _set_link(self, link: Link) -> None:
        self.link = link
        self._was_up = self._was_up or link.is_up
        self._on_link(link)

    def _put(self, state: State) -> None:
        self.state = state
        if state.is_stale:
            self._stale.set()
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(max(loop.time(), self._told_at + self.notify_s), self._tell)

    def _tell(self) -> None:
        """Tell the state, if more than the number of its last event has changed since it was last told."""
        self._timer = None
        self._told_at = asyncio.get_running_loop().time()
        if self._told is None or not same(self._told, self.state):
            self._told = self.state
            self._on_change(self.state)


def _is_cancelled() -> bool:
    """Return whether it is this task that is to end, and not only something that it waited for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def same(one: State, other: State) -> bool:
    """Return whether two states show the same; numbers of events are nothing to see."""
    return _shown(one) == _shown(other) and one.events[-1:] == other.events[-1:]


def _shown(state: State) -> tuple[object, ...]:
    return state.platform, state.bots, state.processes, state.tickers, state.lamps, state.missed


def backoff_s(attempt: int, dice: random.Random) -> float:
    """Return how long to wait before an attempt to come back, counted from 1: doubling, bounded, ±20 %."""
    return float(min(BACKOFF_FIRST_S * 2 ** min(attempt - 1, 16), BACKOFF_MOST_S) * dice.uniform(0.8, 1.2))
