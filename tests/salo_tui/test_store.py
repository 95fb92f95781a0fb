"""The terminal's store against the real control server on a real socket, which stops and starts meanwhile."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path

import pytest
import redis

from db.protocol import Health, PlatformEvent, PlatformSnapshot, TickerInfo
from db.state import StateDir
from salo_tui.state import State
from salo_tui.store import BACKOFF_MOST_S, NOTIFY_S, Link, LinkStatus, Store, backoff_s
from tests.server.control_desk import Desk, control_desk
from tests.services import wait_until

CONNECTING, CONNECTED, LOST, RECONNECTED = LinkStatus


@pytest.fixture
def home(clean_redis: redis.Redis, storage_settings: Path, tmp_path: Path) -> Path:
    return tmp_path / "home"


class Watched:
    """A store that runs in a loop of its own thread, and all it told."""

    def __init__(self, home: Path) -> None:
        self.states: list[tuple[float, State]] = []
        self.links: list[Link] = []
        self.events: list[PlatformEvent] = []
        self.longest_gap_s = 0.0
        self.store = Store(StateDir(home), self._change, self.links.append, self.events.append)
        self._stop: Callable[[], object] = lambda: None
        self._up = threading.Event()
        self.thread = threading.Thread(target=lambda: asyncio.run(self._live()))

    def _change(self, state: State) -> None:
        self.states.append((time.monotonic(), state))

    @property
    def state(self) -> State:
        """The state told last."""
        return self.states[-1][1] if self.states else State()

    @property
    def statuses(self) -> list[LinkStatus]:
        """The changes of the link; a lost one is told again with each attempt."""
        told = [link.status for link in self.links]
        return [status for place, status in enumerate(told) if place == 0 or told[place - 1] != status]

    async def _live(self) -> None:
        loop = asyncio.get_running_loop()
        running = asyncio.create_task(self.store.run())
        beating = asyncio.create_task(self._beat())
        self._stop = lambda: loop.call_soon_threadsafe(running.cancel)
        self._up.set()
        await asyncio.gather(running, return_exceptions=True)
        beating.cancel()

    async def _beat(self) -> None:
        while True:
            begin = time.monotonic()
            await asyncio.sleep(0.01)
            self.longest_gap_s = max(self.longest_gap_s, time.monotonic() - begin)

    def __enter__(self) -> Watched:
        self.thread.start()
        assert self._up.wait(10)
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stop()
        self.thread.join(10)
        assert not self.thread.is_alive()


@contextmanager
def at_desk(storage_settings: Path, home: Path) -> Iterator[tuple[Desk, Watched]]:
    with control_desk(storage_settings, home) as desk, Watched(home) as watched:
        wait_until(lambda: watched.state.bots)
        yield desk, watched


def with_waiting(desk: Desk, waiting: int) -> Callable[[], PlatformSnapshot]:
    """Return a snapshot of the desk's platform in which anna has so many waiting."""
    now = desk.platform.snapshot()
    return lambda: replace(now, bots=[replace(now.bots[0], waiting=waiting)])


def test_store_shows_the_snapshot_at_once_and_then_events(storage_settings: Path, home: Path) -> None:
    with at_desk(storage_settings, home) as (desk, watched):
        assert watched.state.bots["anna"].waiting == 3 and watched.state.processes["redis"].pid == 4711
        assert watched.links == [Link(CONNECTED)]
        info = replace(desk.platform.snapshot().processes[0], state="backoff", pid=None)
        desk.publish("log", name="redis", line="gone")
        desk.publish("process", **asdict(info))
        wait_until(lambda: watched.state.events)
        assert [event.topic for event in watched.events] == ["log", "process"]
        assert not watched.state.is_stale


def test_counters_and_queues_are_fresh_within_two_seconds(storage_settings: Path, home: Path) -> None:
    with at_desk(storage_settings, home) as (desk, watched):
        desk.platform.snapshot = with_waiting(desk, 44)  # type: ignore[method-assign]
        wait_until(lambda: watched.state.bots["anna"].waiting == 44, timeout_s=2)


def test_tickers_and_lamps_are_told_as_they_change(storage_settings: Path, home: Path) -> None:
    with at_desk(storage_settings, home) as (desk, watched):
        ticker = TickerInfo("storage_health", "", 60.0, "running")
        desk.publish("ticker", **asdict(ticker))
        wait_until(lambda: watched.state.tickers.get("storage_health") == ticker)
        told = len(watched.states)
        now = desk.platform.snapshot()
        lit = replace(now, platform={**now.platform, "lamps": {"redis": Health("bad", "gone")}}, tickers=[ticker])
        desk.platform.snapshot = lambda: lit  # type: ignore[method-assign]
        wait_until(lambda: watched.state.lamps == {"redis": Health("bad", "gone")}, timeout_s=2)
        assert len(watched.states) == told + 1


def test_platform_that_goes_and_comes_back_is_said_and_shown(storage_settings: Path, home: Path) -> None:
    with Watched(home) as watched:
        wait_until(lambda: watched.statuses == [CONNECTING])
        with control_desk(storage_settings, home):
            wait_until(lambda: watched.state.bots)
        wait_until(lambda: watched.links[-1].attempt >= 2)
        assert watched.statuses == [CONNECTING, CONNECTED, LOST]
        assert "salo run" in watched.links[-1].reason and watched.store.client is None
        assert watched.state.bots, "what was known last stays to be seen"
        with control_desk(storage_settings, home) as desk:
            wait_until(lambda: watched.statuses[-1] == RECONNECTED)
            desk.publish("process", **asdict(replace(desk.platform.snapshot().processes[0], name="zygote")))
            wait_until(lambda: "zygote" in watched.state.processes)
            assert not watched.state.is_stale
        wait_until(lambda: watched.statuses[-1] == LOST)
        assert watched.statuses == [CONNECTING, CONNECTED, LOST, RECONNECTED, LOST]


def test_gap_in_the_numbers_brings_a_snapshot(
    storage_settings: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("salo_tui.store.REFRESH_S", 60.0)
    with at_desk(storage_settings, home) as (desk, watched):
        desk.publish("log", text="\ud800")  # takes a number and cannot be told
        desk.publish("log", text="fine")
        wait_until(lambda: watched.events)
        wait_until(lambda: not watched.store.state.is_stale)
        assert watched.store.state.seq == 2


class Bystander:
    """A thread that only looks at the clock, beside what is tested: how long the machine let nobody work."""

    def __init__(self) -> None:
        self.longest_gap_s = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Bystander:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        last = time.monotonic()
        while not self._over.wait(0.01):
            now = time.monotonic()
            self.longest_gap_s, last = max(self.longest_gap_s, now - last), now


def test_flood_is_read_without_blocking_and_told_four_times_a_second(storage_settings: Path, home: Path) -> None:
    """Events are dropped for us, and afterwards we know all the same."""
    with at_desk(storage_settings, home) as (desk, watched), Bystander() as bystander:
        told = len(watched.states)

        def flood() -> None:
            for number in range(30_000):
                desk.server.publish("event", {"bot": "anna", "step": "done", "number": number})
            desk.platform.snapshot = with_waiting(desk, 99)  # type: ignore[method-assign]

        desk.in_loop(flood)
        for number in range(300):
            desk.publish("event", bot="anna", step="done", number=number)
        wait_until(lambda: watched.state.bots["anna"].waiting == 99)
        wait_until(lambda: watched.store.state.seq == 30_300 and not watched.store.state.is_stale)
        assert watched.state.missed > 0
        times = [at for at, _state in watched.states[told:]]
        gaps = [after - before for before, after in pairwise(times)]
        assert gaps and min(gaps) >= NOTIFY_S - 0.02
        # A key would wait for as long; on a busy machine everybody does.
        assert watched.longest_gap_s < max(2.0, 3 * bystander.longest_gap_s)


def test_idle_platform_is_not_told_of_again(storage_settings: Path, home: Path) -> None:
    with at_desk(storage_settings, home) as (desk, watched):
        asked = []
        whole = desk.platform.snapshot()
        desk.platform.snapshot = lambda: asked.append(1) or whole  # type: ignore[method-assign, func-returns-value]
        wait_until(lambda: len(asked) >= 2)
        assert len(watched.states) == 1


def test_platform_that_does_not_answer_is_given_up(
    storage_settings: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It hangs with its socket open: nothing comes, and nothing ends."""
    monkeypatch.setattr("salo_tui.store.ANSWER_S", 0.5)
    with at_desk(storage_settings, home) as (desk, watched):
        release = threading.Event()
        desk.loop.call_soon_threadsafe(release.wait, 20)
        try:
            wait_until(lambda: watched.statuses == [CONNECTED, LOST], timeout_s=10)
        finally:
            release.set()
        wait_until(lambda: watched.statuses[-1] == RECONNECTED, timeout_s=15)


def test_delays_grow_and_are_bounded() -> None:
    dice = random.Random(5)
    delays = [backoff_s(attempt, dice) for attempt in range(1, 2000)]
    assert 0.16 <= delays[0] <= 0.24 and delays[3] > delays[0] * 4 and max(delays) <= BACKOFF_MOST_S * 1.2
