"""A log pane alone under a Pilot: scenes are played in it, and its screen looked at."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import pytest
from textual.pilot import Pilot

from salo_tui.widgets.ring_log import RingLog
from tests.salo_tui.log_app import LogApp
from tests.salo_tui.snapshots import screen_text

WAIT_S = 30.0
Scene = Callable[[Pilot[None], RingLog], Awaitable[None]]


@contextmanager
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let local time be UTC within the block."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def play(scene: Scene, count: int = 0, size: tuple[int, int] = (80, 24)) -> None:
    """Run an app with a pane of ``count`` lines and play a scene in it."""

    async def run() -> None:
        app = LogApp(count)
        async with app.run_test(size=size) as pilot:
            await shows(pilot, "┘")
            await scene(pilot, app.pane)

    asyncio.run(run())


async def shows(pilot: Pilot[None], text: str) -> str:
    """Wait until the screen shows ``text``; return it."""
    return await _screen(pilot, text, True)


async def hides(pilot: Pilot[None], text: str) -> str:
    """Wait until the screen does not show ``text``; return it."""
    return await _screen(pilot, text, False)


async def _screen(pilot: Pilot[None], text: str, there: bool) -> str:
    end = time.monotonic() + WAIT_S
    while (text in (screen := screen_text(pilot.app))) is not there:
        assert time.monotonic() < end, f"{text!r} is {'not ' if there else ''}in\n{screen}"
        await pilot.pause(0.02)
    return screen


def style_of(pane: RingLog, row: int, part: str) -> str:
    """Return what of a row has the style of a part, such as ``hit``."""
    style = pane.get_component_rich_style(f"ring-log--{part}")
    return "".join(segment.text for segment in pane.render_line(row + 1) if segment.style == style)
