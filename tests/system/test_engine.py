"""A platform with an engine that is not ours: it comes late, its workers are killed, all is answered once."""

from __future__ import annotations

import asyncio
import shlex
import time
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from db.settings import Settings
from server.chaos.belongings import of_home
from server.demo.cast import HUMANS, ROLES
from server.demo.chatter import Speech
from server.demo.play import Play
from server.demo.score import Summary
from server.demo.stage import set_stage
from tests.engine_contract.players import perl_argv, why_no_perl
from tests.services import wait_until
from tests.system.processes import kill, salo, status

RATE = 15.0  # messages a second
TALK_S = 4.0
TEXTS = ("привет", "как дела", "пока", "что делаешь", "ёж в тумане идёт домой", "/status")


class Talk:
    """People who write in private, which is all that the small engine reads."""

    def __init__(self) -> None:
        self._places = cycle((human, role) for human in HUMANS for role in ROLES)
        self._texts = cycle(TEXTS)

    def next(self) -> Speech:
        human, role = next(self._places)
        return Speech(human, role, None, "known", next(self._texts))


def engine_of(settings: Settings) -> dict[str, Any] | None:
    """Return how the engine as a whole is shown, when something is wrong with it."""
    return next((one for one in status(settings)["processes"] if one["name"] == "engine"), None)


def kill_a_worker(settings: Settings) -> None:
    """Kill one as soon as there is one."""
    found: list[int] = []

    def some_are_there() -> bool:
        found[:] = [one["pid"] for one in status(settings)["processes"] if one["kind"] == "worker" and one["pid"]]
        return bool(found)

    wait_until(some_are_there, 30, 0.1)
    kill(found[0])


def put_engine(place: Path) -> None:
    """Put the small engine where the settings name it, whole at once."""
    new = place.with_name("new")
    new.write_text(f"#!/bin/sh\nexec {shlex.join(perl_argv())}\n")
    new.chmod(0o755)
    new.rename(place)


@pytest.mark.skipif(bool(why_no_perl()), reason=why_no_perl())
def test_an_engine_in_perl_answers_each_message_once_though_its_workers_are_killed(tmp_path: Path) -> None:
    place = tmp_path / "engine"
    tables = {"engine": {"command": [str(place)], "workers": 3, "deadline_s": 20.0}}

    async def play() -> tuple[Summary, Path]:
        async with set_stage(tables, time_scale=0.01) as stage:
            settings = stage.settings
            performance = Play(stage, Talk())  # type: ignore[arg-type]
            beginning = time.monotonic()
            await performance.talk(RATE, lambda: time.monotonic() > beginning + 0.3)

            def it_has_failed() -> bool:
                shown = engine_of(settings)
                return shown is not None and shown["state"] == "failed" and "not found" in shown["reason"]

            await asyncio.to_thread(wait_until, it_has_failed, 30, 0.2)
            told = await asyncio.to_thread(salo, settings, "check")
            assert told.returncode == 2 and f"there is no {place}" in told.stderr
            put_engine(place)

            start = time.monotonic()
            talking = asyncio.ensure_future(performance.talk(RATE, lambda: time.monotonic() > start + TALK_S))
            for _ in range(2):
                await asyncio.sleep(TALK_S / 3)
                await asyncio.to_thread(kill_a_worker, settings)
            await talking
            summary = await performance.summary()
            assert await asyncio.to_thread(engine_of, settings) is None
            return summary, settings.home

    summary, home = asyncio.run(play())
    assert summary.is_clean, summary
    assert summary.events >= RATE * TALK_S * 0.9
    assert summary.unsolved > 0 and summary.replies > summary.events / 2
    assert of_home(home) == []
