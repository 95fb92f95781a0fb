"""An engine on the bench: real Redis, MariaDB, zygote and workers, a small VK; the test plays the platform."""

from __future__ import annotations

import itertools
import json
import os
import secrets
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis

from db import delta, keys
from db.bases import Base, BaseStore
from db.models import Answer, Applied, Person
from db.settings import Settings, load_settings
from engine.matching.normalise import normalise, phrase_hash
from tests.engine.desk import Desk
from tests.services import wait_until

TOKEN = "vk1.a.canary-token-of-the-bench"
GROUP = 77
CHAT = 2_000_000_005
LEASE = "host:lease-of-the-bench"


class Worker:
    """The platform's end of one worker."""

    def __init__(self, connection: socket.socket, pid: int, pidfd: int) -> None:
        self.connection, self.pid, self.pidfd = connection, pid, pidfd
        self._file = connection.makefile("rb")

    def give(self, job: dict[str, Any]) -> None:
        self.connection.sendall(json.dumps(job).encode() + b"\n")

    def take(self, timeout_s: float = 20) -> dict[str, Any]:
        """Return the next line; fails the test when there is none."""
        self.connection.settimeout(timeout_s)
        line = self._file.readline()
        assert line, "the worker ended without a verdict"
        return json.loads(line)

    def run(self, job: dict[str, Any]) -> dict[str, Any]:
        self.give(job)
        return self.take()

    def kill(self) -> None:
        signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)
        self.wait_ended()
        self.close()

    def wait_ended(self) -> None:
        assert select.select([self.pidfd], [], [], 5)[0], "the worker does not end"

    def close(self) -> None:
        self._file.close()
        self.connection.close()


class Zygote:
    """A running zygote, as the platform holds it."""

    def __init__(self, config: Path, home: Path, log: Path, kind: int = socket.SOCK_SEQPACKET) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, kind)
        self.control = ours
        self.log = log
        code = "import os, sys; os.dup2(int(sys.argv[1]), 3); os.execv(sys.argv[2], sys.argv[2:])"
        argv = [sys.executable, "-I", "-m", "engine.zygote", "--config", str(config)]
        with theirs, log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-c", code, str(theirs.fileno()), *argv],
                pass_fds=[theirs.fileno()],
                env={"PATH": os.defpath, "SALO_HOME": str(home), "OPENBLAS_NUM_THREADS": "1"},
                stdout=output,
                stderr=output,
            )

    def fork(self) -> Worker:
        """Return a new worker; what it writes goes to the zygote's log."""
        self.control.sendall(b"fork")
        self.control.settimeout(20)
        while True:
            message, descriptors, _, _ = socket.recv_fds(self.control, 4096, 4)
            if b'"ended"' not in message:
                break
        assert len(descriptors) == 3, (message, self.log.read_text())
        threading.Thread(target=_copy, args=(descriptors[2], self.log), daemon=True).start()
        return Worker(socket.socket(fileno=descriptors[0]), json.loads(message)["pid"], descriptors[1])

    def stop(self) -> None:
        self.control.close()
        self.process.wait(10)


def _copy(output: int, log: Path) -> None:
    """Append what a worker writes to ``log``, until it ends."""
    with os.fdopen(output, "rb", 0) as lines, log.open("ab", 0) as kept:
        while chunk := lines.read(1 << 16):
            kept.write(chunk)


@dataclass
class Bench:
    """One bot with its base, VK, and ways to make jobs as the lane does."""

    client: redis.Redis
    settings: Settings
    vk: Desk
    zygote: Zygote
    base: str
    names: tuple[str, ...] = ("Анна",)
    unsolved_text: str = ""
    owner: str = ""
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _delta: str = delta.START

    def learn(self, *pairs: tuple[str, str]) -> list[int]:
        """Put answers into the base, tell of them, and return their ids."""
        base = Base(self.base, self.settings)
        changes = []
        with base.unit():
            for rx, tx in pairs:
                form = normalise(rx)
                row = Answer.create(rx=rx, rx_norm=form, rx_hash=phrase_hash(form), tx=tx)
                changes.append(delta.Change("set", row.id, form, tx))
        base.close()
        self._delta = delta.publish(self.client, self.base, changes)
        return [change.id for change in changes]

    def job(self, text: str, *, peer_id: int = 11, from_id: int = 11, attempt: int = 1, **more: Any) -> dict[str, Any]:
        """Return the job of a new message; ``more`` goes into the message."""
        number = next(self._numbers)
        message = {"text": text, "peer_id": peer_id, "from_id": from_id, "out": 0, "id": 0, "date": 1}
        message |= {"conversation_message_id": number, **more}
        event = {"type": "message_new", "group_id": GROUP, "event_id": f"e{number}", "v": "5.199"}
        return self.job_of({**event, "object": {"message": message, "client_info": {}}}, attempt=attempt)

    def job_of(self, event: dict[str, Any], *, attempt: int = 1) -> dict[str, Any]:
        entry = f"{next(self._numbers)}-0"
        message = (event.get("object") or {}).get("message") or {}
        person = self.client.hgetall(keys.person(self.base, "vk", message.get("from_id", 0)))
        return {
            "job": f"anna:{entry}:{attempt}",
            "kind": "answer",
            "bot": {
                "name": "anna",
                "bot_id": 7,
                "group_id": GROUP,
                "base": self.base,
                "db": 3,
                "title": "Анна",
                "names": list(self.names),
                "owner": self.owner,
                "language": "ru",
                "threshold": 0.86,
                "unsolved_text": self.unsolved_text,
            },
            "token": TOKEN,
            "person": {name.decode(): value.decode() for name, value in person.items()} or None,
            "event": event,
            "entry": entry,
            "attempt": attempt,
            "lease": {"key": keys.lease("anna"), "value": LEASE},
            "slots": 1,
            "base_delta": self._delta,
            "deadline_ms": 10_000,
            "later": 0,
            "accepted_ms": int(time.time() * 1000),
        }

    def settle(self, job: dict[str, Any]) -> None:
        """Forget the reply mark, as the lane does when it settles."""
        self.client.delete(keys.reply_mark(GROUP, job["entry"]))

    def repeat(self, job: dict[str, Any], *, counted: bool = True) -> dict[str, Any]:
        """Return the next try of a job; one that does not count after an outage."""
        attempt = job["attempt"] + counted
        return {
            **job,
            "job": f"anna:{job['entry']}:{attempt}",
            "attempt": attempt,
            "repeat": True,
            "base_delta": self._delta,
        }

    def know(self, account_id: int = 11, **fields: str) -> None:
        """Let the writer be known already, so that VK is not asked for names."""
        known = {"fi_name": "Иван", "la_name": "Петров", "user_name": "Иван", "status": "user", **fields}
        self.client.hset(keys.person(self.base, "vk", account_id), mapping=known)

    def mark(self, job: dict[str, Any]) -> dict[bytes, bytes]:
        return self.client.hgetall(keys.reply_mark(GROUP, job["entry"]))


@dataclass
class Room:
    """What tests of one file share: a VK, a zygote and a base, which each bench finds empty."""

    config: Path
    home: Path
    vk: Desk
    zygote: Zygote
    base: str = field(default_factory=lambda: "b" + secrets.token_hex(6))

    def bench(self, client: redis.Redis) -> Bench:
        """Return a bench on a clean Redis and an empty base, with a VK that remembers nothing."""
        self.vk.forget()
        settings = load_settings(self.config, {"SALO_HOME": str(self.home)})
        settings.state.prepare()
        BaseStore(client, settings).create(self.base)
        base = Base(self.base, settings)
        with base.unit():
            for model in (Answer, Person, Applied):
                model.delete().execute()
        base.close()
        client.set(keys.lease("anna"), LEASE)
        return Bench(client, settings, self.vk, self.zygote, self.base)


@contextmanager
def open_room(folder: Path, storage: str, api_url: str = "", **lines: str) -> Iterator[Room]:
    """Run a room. ``storage`` and ``lines`` are tables of ``salo.toml``; ``api_url`` names another VK than the desk."""
    with Desk() as vk:
        config = folder / "salo.toml"
        lines["vk"] = f'api_url = "{api_url or vk.url}"\n' + lines.pop("vk", "timeout_s = 2.0")
        config.write_text(storage + "".join(f"[{table}]\n{text}\n" for table, text in lines.items()))
        zygote = Zygote(config, folder / "home", folder / "zygote.log")
        try:
            yield Room(config, folder / "home", vk, zygote)
        finally:
            vk.forget()
            zygote.stop()


def is_alive(pid: int) -> bool:
    """Is there such a process that still runs (a zombie does not)?"""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_gone(pid: int) -> None:
    wait_until(lambda: not is_alive(pid))
