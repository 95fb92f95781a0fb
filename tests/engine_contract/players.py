"""The platform's end of any engine's worker: gives it jobs and answers what it asks, with the platform's own code."""

from __future__ import annotations

import asyncio
import functools
import itertools
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from db import keys
from engine.message import is_chat
from server.children import engine_environment
from server.dispatcher.finder import find_job
from server.engine_asks import EngineAsks
from server.process import Child, spawn
from tests.emulation import EmulatorClient
from tests.engine.bench import GROUP, LEASE, Bench, Worker

ENGINE = Path(__file__).with_name("engine.pl")
OTHER_GROUP, OTHER_TOKEN = 78, "vk1.a.canary-token-of-the-other"
WHOLE = '💬 привет\u202e "\\\\ ё\u0308 中\u2028\tx'  # what may stand in a message
TOLD = "there are no dead letters"  # by the platform's command

_peers = itertools.count(500)


@functools.cache
def why_no_perl() -> str:
    """Return why the small engine cannot run here, empty when it can."""
    modules = ["-MJSON::PP", "-MHTTP::Tiny", "-MDigest::SHA", "-MTime::HiRes"]
    if shutil.which("perl") is None:
        return "needs perl; ./salo setup --dev installs it on Debian"
    done = subprocess.run(["perl", *modules, "-e", "1"], capture_output=True, text=True)
    return "" if done.returncode == 0 else f"perl lacks a core module: {done.stderr.splitlines()[0]}"


def new_peer() -> int:
    """Return a person whom no other test talks with."""
    return next(_peers)


def perl_argv() -> list[str]:
    """Return the command of the small engine, as ``[engine] command`` has it."""
    return [shutil.which("perl") or "perl", str(ENGINE)]


@dataclass
class Asks:
    """Answers as the platform does; ``lines`` are the commands that were asked for."""

    answer: EngineAsks
    vk: EmulatorClient
    lines: list[str] = field(default_factory=list)

    @classmethod
    @contextmanager
    def of(cls, bench: Bench, vk: EmulatorClient) -> Iterator[Self]:
        """Ask ``bench``'s storage; phrases are looked up by a worker of ours."""
        finder = bench.zygote.fork()
        lines: list[str] = []

        async def line(_bot: object, _job: object, ask: dict[str, Any]) -> dict[str, Any]:
            lines.append(ask["line"])
            return {"id": ask["id"], "text": TOLD, "data": [], "exit_code": 0}

        async def find(job: dict[str, Any], text: str, names: dict[str, str]) -> dict[str, Any]:
            verdict = finder.run(find_job(job, text, names))
            reply = verdict["reply"]
            return {"text": reply["parts"][0]["text"] if reply else None, "match": verdict["match"]}

        with ThreadPoolExecutor(1) as executor:
            yield cls(EngineAsks(bench.settings, lambda: bench.client, executor, line, find), vk, lines)
        finder.close()


@dataclass
class Player:
    """One running worker of an engine."""

    bench: Bench
    worker: Worker
    asks: Asks
    child: Child | None = None
    asked: list[str] = field(default_factory=list)  # kinds of questions, of all jobs

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.worker.close()
        if self.child is not None:
            self.child.kill()
            self.child.wait(5)
            assert self.child.output is not None
            os.close(self.child.output)

    def run(self, job: dict[str, Any], timeout_s: float = 20) -> dict[str, Any]:
        """Return the verdict on a job; what is asked meanwhile is answered."""
        self.worker.give(job)
        return self.go_on(job, timeout_s)

    def go_on(self, job: dict[str, Any], timeout_s: float = 20) -> dict[str, Any]:
        while True:
            told = self.worker.take(timeout_s)
            assert told["job"] == job["job"]
            if "verdict" in told:
                return told
            if "ask" in told:
                self.asked += [name for name in told["ask"] if name != "id"]
                answer = asyncio.run(self.asks.answer(None, job, told["ask"]))  # type: ignore[arg-type]
                self.worker.give({"answer": answer})

    def job(self, text: str, peer: int = 0, group: int = GROUP, **more: Any) -> dict[str, Any]:
        """Return the job of a message to bot anna, by somebody whom the platform knows and VK lets her write to."""
        peer = peer or new_peer()
        if not is_chat(peer):
            self.asks.vk.say(peer, group, "открой дверь")
        return known(self.bench.job(text, peer_id=peer, from_id=peer, **more))

    def other_job(self, text: str) -> dict[str, Any]:
        """Return the same for bot boris, who has a token and a lease of his own."""
        self.bench.client.set(keys.lease("boris"), LEASE)
        job = self.job(text, group=OTHER_GROUP)
        bot = {**job["bot"], "name": "boris", "bot_id": 8, "group_id": OTHER_GROUP, "db": 4}
        lease = {"key": keys.lease("boris"), "value": LEASE}
        return {**job, "job": f"boris:{job['entry']}:1", "bot": bot, "token": OTHER_TOKEN, "lease": lease}


def known(job: dict[str, Any]) -> dict[str, Any]:
    """Return a job whose writer nobody must ask VK about."""
    return {**job, "person": {"fi_name": "Иван", "la_name": "П", "user_name": "Ваня", "status": "user"}}


def our_player(bench: Bench, asks: Asks) -> Player:
    return Player(bench, bench.zygote.fork(), asks)


def perl_player(bench: Bench, asks: Asks) -> Player:
    """Start the small engine as the platform does."""
    ours, theirs = socket.socketpair()
    with theirs:
        child = spawn(perl_argv(), env=engine_environment(bench.settings), fds={3: theirs.fileno()})
    return Player(bench, Worker(ours, child.pid, child.pidfd), asks, child)
