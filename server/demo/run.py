"""``salo demo``: the main job on a stage of its own, shown in the operator's terminal or judged headless."""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from db.codec import dumps
from db.errors import EXIT_FAILED, EXIT_OK
from db.settings import Settings
from db.texts import _
from server.demo.chatter import Chatter, read_lines
from server.demo.play import Play
from server.demo.score import Summary
from server.demo.stage import Stage, empty_stage
from server.demo.voice import Voice

RATE, RATE_SHOWN = 5.0, 2.5  # messages a second: headless, and where people want to read them
UNKNOWN_SHOWN = 4  # so many phrases without an answer come again and again: a new answer is soon used
PICTURE_S = 20.0  # of talk before the picture is taken


_INTERRUPTED = 130  # as shells say it: 128 + SIGINT


@dataclass(frozen=True, slots=True)
class Course:
    """How far the demo is: ``begun`` when people talk, ``stopped`` when they are to, ``interrupted`` by a signal."""

    begun: asyncio.Event
    stopped: asyncio.Event
    interrupted: asyncio.Event

    @classmethod
    def new(cls) -> Course:
        return cls(asyncio.Event(), asyncio.Event(), asyncio.Event())

    def interrupt(self) -> None:
        self.interrupted.set()
        self.stopped.set()

    async def end_early(self, playing: asyncio.Future[int]) -> None:
        """Cancel a demo that is stopped while its stage is set: there is nothing yet to bring to an end."""
        await self.stopped.wait()
        if not self.begun.is_set():
            playing.cancel()


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What ``salo demo`` was asked for.

    ``seconds`` None = until the terminal is left, or Ctrl-C; ``rate`` in messages a second, None = what suits.
    ``picture`` is a file for a picture of the terminal, which is then shown to nobody.
    """

    headless: bool = False
    seconds: float | None = None
    rate: float | None = None
    as_json: bool = False
    seed: int = 1
    picture: Path | None = None

    @property
    def shows_terminal(self) -> bool:
        return self.picture is not None or (not self.headless and sys.stdin.isatty() and sys.stdout.isatty())


def run(options: DemoOptions, settings: Settings) -> int:
    """Play the demo; return 0 only when something was answered and nothing lost, doubled or out of order.

    Of ``settings`` only language and terminal are taken: the stage has its own.
    """
    return asyncio.run(_run(options, settings))


async def _run(options: DemoOptions, settings: Settings) -> int:
    course = Course.new()
    voice = Voice(on_stderr=options.headless)
    voice.listen(asyncio.get_running_loop(), course.interrupt)
    playing = asyncio.ensure_future(_play(options, settings, voice, course))
    watching = asyncio.ensure_future(course.end_early(playing))
    try:
        return await playing
    except asyncio.CancelledError:
        if not course.stopped.is_set():
            raise
        voice.say(_("stopped before it began; nothing is left of it"))
        return _INTERRUPTED if course.interrupted.is_set() else EXIT_OK
    finally:
        watching.cancel()


async def _play(options: DemoOptions, settings: Settings, voice: Voice, course: Course) -> int:
    voice.say(_("setting the stage: a VK of our own, Redis, MariaDB, three bots…"))
    async with empty_stage(_tables(settings)) as stage:
        shown = options.shows_terminal
        chatter = Chatter(read_lines(), random.Random(options.seed), UNKNOWN_SHOWN if shown else None)
        play = Play(stage, chatter)
        if shown:
            await _show(play, options, course)
            voice.say(_("waiting for the last replies…"))
            await stage.enable_bots()
        else:
            await stage.let_in()
            await _perform(play, options, course)
        summary = await play.summary()
    _tell(voice, summary, options)
    return EXIT_OK if summary.is_clean else EXIT_FAILED


async def _show(play: Play, options: DemoOptions, course: Course) -> None:
    """Play in the operator's terminal until it is left. It comes up while the cast is let in: each takes a second."""
    if options.picture is not None:  # its time counts from when the terminal comes up
        await play.stage.let_in()
    terminal = await _open_terminal(play.stage, options)
    watching = asyncio.ensure_future(_until_left(terminal, course.stopped))
    try:
        if options.picture is None:
            await play.stage.let_in()
        await _perform(play, options, course)
    finally:
        watching.cancel()
        await _close(terminal)


def _tables(settings: Settings) -> dict[str, dict[str, Any]]:
    """Return what the stage's settings take from the operator's."""
    return {
        "platform": {"language": settings.platform.language},
        "terminal": {"theme": settings.terminal.theme},
    }


async def _open_terminal(stage: Stage, options: DemoOptions) -> asyncio.subprocess.Process:
    """Open the operator's terminal on the stage, as a program of its own: it is a client like any other."""
    words = ["attach", "--demo"]
    if options.picture is not None:
        words += ["--picture", str(options.picture.absolute()), "--after", str(options.seconds or PICTURE_S)]
    argv = [sys.executable, "-I", "-m", "server.cli", "--config", str(stage.settings.source), *words]
    return await asyncio.create_subprocess_exec(*argv)


async def _until_left(terminal: asyncio.subprocess.Process, stopped: asyncio.Event) -> None:
    """Stop the talk when the terminal is left."""
    await terminal.wait()
    stopped.set()


async def _close(terminal: asyncio.subprocess.Process) -> None:
    """End a terminal that is still open: the time that was asked for is over."""
    if terminal.returncode is None:
        terminal.terminate()
        await terminal.wait()


async def _perform(play: Play, options: DemoOptions, course: Course) -> None:
    """Let people talk for as long as was asked."""
    course.begun.set()
    following = asyncio.ensure_future(play.follow())
    rate = options.rate or (RATE_SHOWN if options.shows_terminal else RATE)
    seconds = None if options.picture is not None else options.seconds
    try:
        await play.talk(rate, _enough(seconds, course.stopped))
    finally:
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following


def _enough(seconds: float | None, stopped: asyncio.Event) -> Callable[[], bool]:
    end = time.monotonic() + seconds if seconds is not None else float("inf")
    return lambda: stopped.is_set() or time.monotonic() >= end


def _tell(voice: Voice, summary: Summary, options: DemoOptions) -> None:
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
        voice.say(f"{word:>28}  {value}")
    if options.as_json:
        voice.say_data(dumps(summary.as_json()).decode())
