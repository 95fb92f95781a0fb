"""A token is nowhere but sealed: not in files, logs, status, errors, argv or environment."""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import suppress
from pathlib import Path

import psutil

from db import codec
from db.settings import Settings
from server.chaos.belongings import of_home
from server.control_client import ControlClient
from server.demo.cast import ROLES
from server.demo.chatter import Chatter, read_lines
from server.demo.play import Play
from server.demo.stage import Stage, set_stage
from tests.system.processes import kill, pid_of, salo


def secrets_of(stage: Stage) -> list[bytes]:
    """Return every word that must be nowhere: tokens and callback secrets."""
    return [word.encode() for word in (*stage.tokens.values(), *stage.callback_secrets.values())]


def files_with(home: Path, words: list[bytes]) -> list[str]:
    """Return the files below ``home`` that hold one of ``words``."""
    found = []
    for path in home.rglob("*"):
        if path.is_file() and any(word in path.read_bytes() for word in words):
            found.append(str(path.relative_to(home)))
    return found


def processes_with(home: Path, words: list[bytes]) -> list[str]:
    """Return the command lines of processes that show one of ``words`` in argv or environment."""
    found = []
    for process in of_home(home):
        try:
            shown = "\0".join([*process.cmdline(), *process.environ().values()]).encode()
        except psutil.Error:
            continue
        if any(word in shown for word in words):
            found.append(" ".join(process.cmdline()))
    return found


async def stir(stage: Stage) -> None:
    """Make the platform speak: talk, errors of VK that echo the request, killed workers, a refused sender."""
    await stage.desk.order("/settings", {"echo_token": True})  # old VK errors repeat the token in request_params
    faults = [
        {"method": "messages.send", "kind": "error", "code": code, "count": 3} for code in (10, 5, 100, 14)
    ] + [{"method": "messages.send", "kind": "http", "status": 502, "count": 2}]  # fmt: skip
    await stage.desk.order("/faults", faults)
    play = Play(stage, Chatter(read_lines(), random.Random(3)))
    end = time.monotonic() + 4
    talking = asyncio.ensure_future(play.talk(15, lambda: time.monotonic() > end))
    await asyncio.sleep(1)
    await asyncio.to_thread(kill_worker, stage.settings)
    await talking


def kill_worker(settings: Settings) -> None:
    """Kill a worker; one that has just ended by itself, in whose place another was lent, is not it."""
    for _ in range(10):
        with suppress(ProcessLookupError):
            kill(pid_of(settings, "worker"))
            return
    raise AssertionError("no worker lives long enough to be killed")


def outputs(settings: Settings) -> bytes:
    """Return all that an operator can be shown."""
    shown = b""
    for words in (["status", "--json"], ["bot", "list"], ["dead", "list"], ["queue"], ["ps"]):
        told = salo(settings, *words)
        shown += (told.stdout + told.stderr).encode()
    for role in ROLES:
        told = salo(settings, "bot", "show", role.name)
        assert told.returncode == 0, told.stderr
        shown += (told.stdout + told.stderr).encode()
    with ControlClient.connect(settings.state) as client:
        last = client.call("history", {"count": 1000})["events"]
        assert {event["topic"] for event in last} == {"log", "event"}
        return shown + codec.dumps([last, client.call("snapshot", {})])


def test_a_token_is_found_nowhere() -> None:
    async def play() -> tuple[list[str], list[str], bytes, list[bytes]]:
        async with set_stage({"platform": {"log_level": "debug"}}, time_scale=0.01) as stage:
            words = secrets_of(stage)
            await stir(stage)
            home = stage.settings.home
            shown = await asyncio.to_thread(outputs, stage.settings)
            processes = processes_with(home, words)
            return files_with(home, words), processes, shown, words

    files, processes, shown, words = asyncio.run(play())
    assert files == []
    assert processes == []
    assert not any(word in shown for word in words)
