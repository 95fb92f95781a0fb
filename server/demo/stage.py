"""Sets the demo's stage: an emulator and a platform as real processes over one passing state directory.

The system tests play on the same stage. Both processes die with this one, however it ends.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from db import codec
from db.bases import BaseStore
from db.bots import BotStore, generate_secret
from db.errors import SaloError
from db.links import redis_client
from db.seal import Sealer
from db.settings import Settings, load_settings
from server.demo.cast import DEMO, Cast, Human, Role, Room
from server.demo.desk import Desk
from server.importing import import_answers
from server.process import Child, child_environment, spawn

PHRASES = Path(__file__).parent / "phrases_ru.tsv"
PLATFORM = ("-m", "server.cli")  # what Python runs; a test may put another door before the same house
START_S = 60.0  # until both processes answer
STOP_S = 30.0  # until the platform has stopped by itself


class StageFailed(SaloError):
    """The demo's emulator or platform did not start; the message holds its last words."""


@dataclass
class Stage:
    """A set stage: ``tokens`` and ``callback_secrets`` by group id, ``chats`` are the emulator's by room title."""

    settings: Settings
    desk: Desk
    emulator: Child
    platform: Child
    cast: Cast = DEMO
    tokens: dict[int, str] = field(default_factory=dict)
    callback_secrets: dict[int, str] = field(default_factory=dict)
    chats: dict[str, int] = field(default_factory=dict)

    @property
    def callback_url(self) -> str:
        return f"http://{self.settings.callback.host}:{self.settings.callback.port}"

    async def start_platform(self) -> None:
        """Start the platform again after it was killed, and wait until it says that it is ready."""
        self.platform = await _start_platform(self.settings)

    async def stop_platform(self) -> None:
        """Stop the platform that runs now, as ``salo stop`` does."""
        await stop_child(self.platform)

    async def let_in(self) -> None:
        """Create the cast on both sides: people, communities and chats in VK, bots and bases in Salo."""
        await _let_in(self)

    async def enable_bots(self) -> None:
        """Let each bot answer again that somebody made silent: what waits for it is answered."""
        await asyncio.to_thread(_enable_bots, self.settings)


def free_port() -> int:
    """Return a loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def set_stage(
    tables: Mapping[str, Mapping[str, Any]] | None = None, *, time_scale: float = 1.0, cast: Cast = DEMO
) -> AsyncIterator[Stage]:
    """Start both processes, let the cast in, and clear everything away at the end. See ``empty_stage``."""
    async with empty_stage(tables, time_scale=time_scale, cast=cast) as stage:
        await stage.let_in()
        yield stage


@asynccontextmanager
async def empty_stage(
    tables: Mapping[str, Mapping[str, Any]] | None = None, *, time_scale: float = 1.0, cast: Cast = DEMO
) -> AsyncIterator[Stage]:
    """Start both processes, let nobody in yet, and clear everything away at the end.

    ``tables`` are added to the stage's ``salo.toml``. ``time_scale`` shortens the emulator's waits before it repeats
    an event. Raises ``StageFailed``.
    """
    home = Path(tempfile.mkdtemp(prefix="salo-demo-"))
    port = free_port()
    settings = _settings(home, f"http://127.0.0.1:{port}", tables or {})
    async with AsyncExitStack() as stack:
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        emulator = spawn(
            [sys.executable, "-I", "-m", "server.emulator", "--port", str(port), "--time-scale", str(time_scale)],
            env=child_environment(settings),
        )
        stack.push_async_callback(stop_child, emulator)
        desk = await stack.enter_async_context(Desk(settings.vk.api_url))
        stage = Stage(settings, desk, emulator, await _start_platform(settings), cast)
        stack.push_async_callback(stage.stop_platform)
        await _first_line(emulator)
        yield stage


def _settings(home: Path, api_url: str, tables: Mapping[str, Mapping[str, Any]]) -> Settings:
    """Write the stage's ``salo.toml`` and read it as every process will."""
    merged: dict[str, dict[str, Any]] = {
        "platform": {"home": str(home)},
        "vk": {"api_url": api_url},
        "callback": {"port": free_port()},
        "lanes": {"conversation_max": 10_000},  # the judge takes a message dropped as flood for lost
    }
    for table, keys in tables.items():
        merged.setdefault(table, {}).update(keys)
    lines = []
    for table, keys in merged.items():
        lines += [f"[{table}]", *(f"{key} = {_toml(value)}" for key, value in keys.items())]
    config = home / "salo.toml"
    config.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return load_settings(config, environ={})


def _toml(value: Any) -> str:
    return codec.dumps(value).decode()  # of numbers, texts and lists of them TOML has the same form


async def _first_line(child: Child) -> None:
    """Wait for the address that an emulator prints first; raises ``StageFailed`` when it says something else."""
    assert child.output is not None
    reader = asyncio.StreamReader()
    pipe = os.fdopen(os.dup(child.output), "rb", 0)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    line = (await asyncio.wait_for(reader.readline(), START_S)).decode().strip()
    if not line.startswith("http"):
        raise StageFailed(f"the emulator did not start: {line or 'it said nothing'}")


async def _start_platform(settings: Settings) -> Child:
    """Start ``salo run`` and wait for its ``READY=1``, as systemd would."""
    log = settings.home / "platform.log"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as door:
        address = f"\0salo-demo-{secrets.token_hex(8)}"
        door.bind(address)
        door.setblocking(False)
        environment = {**child_environment(settings), "NOTIFY_SOCKET": "@" + address[1:]}
        with log.open("ab") as output:
            platform = spawn(
                [sys.executable, "-I", *PLATFORM, "--config", str(settings.source), "run"],
                env=environment,
                stdout=output.fileno(),
            )
        ready = asyncio.ensure_future(_until_ready(door))
        ended = asyncio.ensure_future(platform.ended())
        try:
            await asyncio.wait({ready, ended}, timeout=START_S, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            await _cancelled(ready, ended)
            await stop_child(platform)
            raise
        await _cancelled(ready, ended)
        if not ready.done() or ready.cancelled():
            platform.kill()
            tail = log.read_text(errors="replace").splitlines()[-20:]
            raise StageFailed("the platform did not start:\n" + "\n".join(tail))
    return platform


async def _cancelled(*tasks: asyncio.Future[Any]) -> None:
    """End tasks. Only then may somebody else wait for a child's end: the two would share one reader of the loop."""
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def _until_ready(door: socket.socket) -> None:
    while b"READY=1" not in await asyncio.get_running_loop().sock_recv(door, 4096):
        pass


async def stop_child(child: Child) -> None:
    """Ask a child to stop and wait for it; after ``STOP_S`` it is killed."""
    child.signal(signal.SIGTERM)
    try:
        await asyncio.wait_for(child.ended(), STOP_S)
    except TimeoutError:
        child.kill()
        await child.ended()


async def _let_in(stage: Stage) -> None:
    roles, humans, rooms = stage.cast.roles, stage.cast.humans, stage.cast.rooms
    stage.tokens.update({role.group_id: f"vk1.a.demo-{secrets.token_urlsafe(24)}" for role in roles})
    people = [{"id": one.id, "first_name": one.first_name, "last_name": one.last_name} for one in humans]
    await stage.desk.order("/users", people)
    communities = [_community(role, stage.tokens[role.group_id]) for role in roles]
    made = {one["group_id"]: one["confirmation"] for one in await stage.desk.order("/communities", communities)}
    chats = await stage.desk.order("/chats", [_chat(room, humans) for room in rooms])
    stage.chats.update({room.title: one["chat_id"] for room, one in zip(rooms, chats, strict=True)})
    stage.callback_secrets.update({role.group_id: generate_secret() for role in roles})
    await asyncio.to_thread(_add_bots, stage, made)
    for role in roles:
        url = f"{stage.callback_url}/callback/{role.group_id}"
        await stage.desk.set_up_callback(
            role.group_id, stage.tokens[role.group_id], url, stage.callback_secrets[role.group_id]
        )
    await _until_confirmed(stage)


def _community(role: Role, token: str) -> dict[str, Any]:
    return {"group_id": role.group_id, "token": token, "screen_name": role.screen_name, "name": role.title}


def _chat(room: Room, humans: Iterable[Human]) -> dict[str, Any]:
    communities = [role.group_id for role in room.bots]
    return {"title": room.title, "communities": communities, "users": [one.id for one in humans]}


def _add_bots(stage: Stage, confirmations: Mapping[int, str]) -> None:
    """Do what ``salo base create``, ``salo import`` and ``salo bot add`` do."""
    settings = stage.settings
    client = redis_client(settings)
    bases = BaseStore(client, settings)
    bots = BotStore(client, settings, Sealer.from_file(settings.state.key))
    for base in stage.cast.bases:
        bases.create(base, base)
        with PHRASES.open("rb") as lines:
            import_answers(bases.open(base), lines, "tsv")
    for role in stage.cast.roles:
        bots.add(
            role.name,
            role.group_id,
            role.base,
            stage.tokens[role.group_id],
            stage.callback_secrets[role.group_id],
            confirmations[role.group_id],
            role.title,
            names=role.names,
        )
    client.close()


def _enable_bots(settings: Settings) -> None:
    """Do what ``salo bot enable`` does."""
    client = redis_client(settings)
    bots = BotStore(client, settings, Sealer.from_file(settings.state.key))
    for bot in bots.list():
        if not bot.enabled:
            bots.set_enabled(bot.name, True)
    client.close()


async def _until_confirmed(stage: Stage) -> None:
    """Wait until VK has confirmed every community's server."""
    deadline = asyncio.get_running_loop().time() + START_S
    for role in stage.cast.roles:
        token = stage.tokens[role.group_id]
        while True:
            servers = await stage.desk.call("groups.getCallbackServers", token, group_id=role.group_id)
            if all(server["status"] == "ok" for server in servers["items"]):
                break
            if asyncio.get_running_loop().time() > deadline:
                raise StageFailed(f"VK did not confirm the callback server of {role.name}")
            await asyncio.sleep(0.1)  # the calls count against the bots' limit
