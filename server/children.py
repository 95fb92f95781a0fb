"""The platform's own Python children: how each is started, and how it shows that it is up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from db.settings import Settings
from db.state import reachable
from engine.vk.version import API_VERSION
from server.callback.listener import UNIX
from server.childspec import ChildSpec
from server.process import child_environment, python_argv

ZYGOTE = "zygote"
LONG_POLL = "longpoll"
_PROBE_S = 2.0
_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # listened at, but not to be connected to


def journal_spec(settings: Settings) -> ChildSpec:
    """Return the journal writer: it drains every base's journal. Nobody waits for it, so that talk goes before it."""
    argv = python_argv(settings, "server.journal")
    return ChildSpec("journal", "journal", argv, child_environment(settings), essential=True, niceness=5)


def long_poll_spec(settings: Settings) -> ChildSpec:
    """Return the listeners of the bots whose events come by long poll."""
    argv = python_argv(settings, "server.longpoll")
    return ChildSpec("longpoll", LONG_POLL, argv, child_environment(settings), essential=True, stop_grace_s=3.0)


def zygote_spec(settings: Settings) -> ChildSpec:
    """Return the zygote. Its control socket is made anew at each start; ``ZygoteSource.attach`` takes it."""
    environment = {**child_environment(settings), "OPENBLAS_NUM_THREADS": "1"}  # a fork needs a single thread
    argv = python_argv(settings, "engine.zygote")
    return ChildSpec("zygote", ZYGOTE, argv, environment, essential=True, control=True)


def engine_environment(settings: Settings) -> dict[str, str]:
    """Return the environment of another engine's program: ours, and where VK is."""
    return {**child_environment(settings), "SALO_API_URL": settings.vk.api_url, "SALO_API_VERSION": API_VERSION}


def callback_place(settings: Settings) -> str:
    """Return where the callback servers listen, as people write it."""
    host = settings.callback.host
    return host if host.startswith(UNIX) else f"{host}:{settings.callback.port}"


def callback_specs(settings: Settings, listener_fd: int) -> list[ChildSpec]:
    """Return the callback servers, which share one listening socket."""
    return [
        ChildSpec(
            "callback",
            f"callback-{number}",
            python_argv(settings, "server.callback", "--listen-fd", str(listener_fd)),
            child_environment(settings),
            pass_fds=(listener_fd,),
            essential=True,
            ready=_answers(settings),
        )
        for number in range(1, settings.callback.servers + 1)
    ]


def _answers(settings: Settings) -> Callable[[], Awaitable[bool]]:
    """Return a question that a callback server on the shared socket answers over HTTP."""

    async def ask() -> bool:
        try:
            async with asyncio.timeout(_PROBE_S):
                reader, writer = await _connect(settings)
                writer.write(b"GET /health/live HTTP/1.1\r\nHost: salo\r\nConnection: close\r\n\r\n")
                status = await reader.readline()
                writer.close()
        except (OSError, TimeoutError):
            return False
        return b" 200 " in status

    return ask


async def _connect(settings: Settings) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host = settings.callback.host
    if host.startswith(UNIX):
        return await asyncio.open_unix_connection(reachable(Path(host.removeprefix(UNIX))))
    return await asyncio.open_connection(_WILDCARDS.get(host, host), settings.callback.port)
