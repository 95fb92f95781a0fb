"""``salo demo``: the main job on a stage of its own, watched live or judged headless."""

from __future__ import annotations

import asyncio
import random
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from rich.console import Console

from db.codec import dumps
from db.errors import EXIT_FAILED, EXIT_OK
from db.texts import _
from server.demo.chatter import Chatter, read_lines
from server.demo.play import Play
from server.demo.score import Summary
from server.demo.stage import set_stage
from server.demo.watch import Watch


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What ``salo demo`` was asked for. ``seconds`` None = until Ctrl-C; ``rate`` in messages a second."""

    headless: bool = False
    seconds: float | None = None
    rate: float = 5.0
    as_json: bool = False
    seed: int = 1


def run(options: DemoOptions) -> int:
    """Play the demo; return 0 only when something was answered and nothing lost, doubled or out of order."""
    return asyncio.run(_run(options))


async def _run(options: DemoOptions) -> int:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    console = Console(stderr=options.headless)
    console.print(_("setting the stage: a VK of our own, Redis, MariaDB, three bots…"), highlight=False)
    async with set_stage() as stage:
        chatter = Chatter(read_lines(), random.Random(options.seed))
        if options.headless or not sys.stdout.isatty():
            summary = await _perform(Play(stage, chatter), options, stopped)
        else:
            watch = Watch(console)
            with watch.live:
                summary = await _perform(Play(stage, chatter, watch.hear), options, stopped)
    _tell(console, summary, options)
    return EXIT_OK if summary.is_clean else EXIT_FAILED


async def _perform(play: Play, options: DemoOptions, stopped: asyncio.Event) -> Summary:
    """Let people talk for as long as was asked, then wait for the last reply and judge."""
    following = asyncio.ensure_future(play.follow())
    try:
        await play.talk(options.rate, _enough(options.seconds, stopped))
    finally:
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following
    return await play.summary()


def _enough(seconds: float | None, stopped: asyncio.Event) -> Callable[[], bool]:
    end = time.monotonic() + seconds if seconds is not None else float("inf")
    return lambda: stopped.is_set() or time.monotonic() >= end


def _tell(console: Console, summary: Summary, options: DemoOptions) -> None:
    words = {
        _("messages"): summary.events,
        _("replies"): summary.replies,
        _("unsolved"): summary.unsolved,
        _("commands"): summary.commands,
        _("lost"): summary.lost,
        _("doubled"): summary.duplicated,
        _("out of order"): summary.out_of_order,
        _("reply time p50 / p99, ms"): f"{summary.latency_p50_ms} / {summary.latency_p99_ms}",
    }
    for word, value in words.items():
        console.print(f"{word:>28}  {value}", highlight=False)
    if options.as_json:
        print(dumps(summary.as_json()).decode(), flush=True)
