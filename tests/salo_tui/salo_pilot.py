"""The whole terminal in memory, before a control server of tests: steps are taken by keys, and screens looked at.

async def steps(desk: Desk) -> None:
    await desk.press("4", "enter")
    await desk.until(lambda: "Answer" in desk.text)

run_terminal(home, steps, size=(100, 30), language="ru")
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
from textual.events import Key
from textual.keys import _character_to_key
from textual.pilot import Pilot

from db.settings import PlatformSettings, Settings
from db.state import StateDir
from db.texts import use_language
from salo_tui.app import SaloApp
from salo_tui.linked import TerminalOptions
from tests.salo_tui.fake_control import FakeControl
from tests.salo_tui.fake_data import NOON_MS, FakeData
from tests.salo_tui.snapshots import screen_text

WAIT_S = 30.0  # much more than it takes, on a busy machine
TYPED = {"space": " ", "enter": "\r", "backspace": "\x7f"}


@dataclass
class Desk:
    """The running terminal, its keys, and the platform it looks at."""

    app: SaloApp
    pilot: Pilot[Any]
    control: FakeControl

    @property
    def text(self) -> str:
        """What is seen."""
        return screen_text(self.app)

    async def press(self, *keys: str) -> None:
        """Press keys, and wait until they have taken effect."""
        await self.pilot.press(*keys)
        await self.until(lambda: self.app.in_turn.is_idle)

    async def burst(self, *keys: str) -> None:
        """Press keys by name, or type what is no name, all in the same moment."""
        for key in keys:
            event = Key(_character_to_key(key), key) if len(key) == 1 else Key(key, TYPED.get(key))
            self.app.post_message(event)
        await self.until(lambda: self.app.message_queue_size == 0 and self.app.in_turn.is_idle)

    async def until(self, condition: Callable[[], object]) -> None:
        """Let the terminal go on until something is so; show the screen when that does not come."""
        end = time.monotonic() + WAIT_S
        while not condition():
            assert time.monotonic() < end, f"not within {WAIT_S} s; the screen:\n{self.text}"
            await self.pilot.pause(0.01)
        await self.pilot.pause()

    async def sees(self, text: str) -> None:
        await self.until(lambda: text in self.text)


Steps = Callable[[Desk], Awaitable[None]]


def run_terminal(
    home: Path,
    steps: Steps,
    *,
    size: tuple[int, int] = (80, 24),
    language: Literal["ru", "en"] = "en",
    data: FakeData | None = None,
    options: TerminalOptions = TerminalOptions(),  # noqa: B008 — frozen
) -> None:
    """Attach a terminal to a platform of tests, and take these steps when the first screen is there."""

    async def live() -> None:
        state = StateDir(home)
        async with FakeControl(state, data) as control:
            settings = Settings(home=home, platform=PlatformSettings(language=language))
            app = SaloApp(settings, options)
            async with app.run_test(size=size) as pilot:
                desk = Desk(app, pilot, control)
                await desk.until(lambda: app.actions.declarations and app.state.bots)
                await desk.until(lambda: type(app.screen).__name__ != "WaitingScreen")
                await steps(desk)

    with use_language(language):
        asyncio.run(live())


@contextmanager
def noon(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Stop the clock at noon, UTC, within the block."""
    monkeypatch.setattr("time.time", lambda: NOON_MS / 1000)
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()
