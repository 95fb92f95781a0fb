"""A control socket that tells of a platform there is not: the same data each time, in any loop or as a process.

    async with FakeControl(StateDir(home)) as control:      # in the loop of a test
        control.data.change_bot("anna_shop", waiting=44)
        control.publish("log", name="journal", level="info", line="hello")

    with fake_process(home) as order:                       # beside a terminal: python -m tests.salo_tui.fake_control
        order("change", bot="anna_shop", waiting=44)
        order("flood", per_s=10_000, s=3)

    async with FakeControl(home, delay={"command": 6.0}) as control:    # answers that are long on their way
        control.subscribing = lambda: control.publish("log", …)         # between a subscription and its answer

It speaks the protocol as the platform does (``describe`` and the commands' grammar are the real ones), and one method
more, ``order``, which makes something happen; see ``ORDERS``.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Self

from db import codec
from db.errors import BadJson, SaloError
from db.protocol import COMMAND_REFUSED, INVALID_PARAMS, LINE_MAX, METHOD_NOT_FOUND, PARSE_ERROR, CommandResult
from db.state import StateDir, reachable
from db.texts import LANGUAGES, use_language
from engine.commands.describe import describe
from engine.commands.registry import registry
from server.control_methods import Request, RpcError, parse_request
from tests.salo_tui import fake_commands
from tests.salo_tui.fake_data import FakeData, fake_data, history

HISTORY_MAX, HISTORY_BYTES = 1000, 900_000
EVENT_STEP_MS = 37  # the clock goes on by this with each event, and in no other way
EVENTS_MAX = 20_000  # not yet taken by a subscriber; as many as the platform keeps
BATCHES_PER_S = 50  # in which a flood comes
ORDERS = ("change", "tick", "flood", "publish", "hang_up", "asked")


class FakeControl:
    """The server. ``data`` is what it tells, ``asked`` the commands that came; ``before`` may answer in their stead.

    ``delay`` are seconds, by method, for which an answer that is made is kept back; other requests of the same client
    are answered meanwhile, but behind a delayed ``subscribe`` all wait. ``subscribing`` is called when a subscription
    has begun and its answer is not yet sent.
    """

    def __init__(
        self, home: StateDir, data: FakeData | None = None, *, delay: Mapping[str, float] | None = None
    ) -> None:
        self.data = data or fake_data(home=str(home.root))
        self.asked: list[dict[str, Any]] = []
        self.before: Callable[[dict[str, Any]], CommandResult | None] = lambda params: None
        self.delay = dict(delay or {})
        self.subscribing: Callable[[], object] = lambda: None
        self._home = home
        self._seq = 0
        self._history: deque[dict[str, Any]] = deque(maxlen=HISTORY_MAX)
        self._feeds: set[Feed] = set()
        self._clients: set[asyncio.Task[None]] = set()
        self._ticking: asyncio.Task[None] | None = None
        self._server: asyncio.Server | None = None
        for topic, told in history(self.data):
            self.publish(topic, **told)

    # What tests do with it.

    @property
    def commands(self) -> list[str]:
        """The lines, or names, of the commands that were asked for."""
        return [item.get("line") or item["name"] for item in self.asked]

    def publish(self, topic: str, **data: Any) -> None:
        """Tell one event to all who want it."""
        self._seq += 1
        at_ms = self.data.now_ms + EVENT_STEP_MS * self._seq
        event = {"seq": self._seq, "topic": topic, "at_ms": at_ms, "data": data}
        if topic in ("log", "event"):
            self._history.append(event)
        if self._feeds:
            line = _line({"jsonrpc": "2.0", "method": "event", "params": event})
            for feed in self._feeds:
                feed.put(topic, line)

    async def flood(self, per_s: int, s: float, text: str = "line") -> dict[str, Any]:
        """Publish numbered log lines at a steady rate, in batches as a socket brings them; return what was done."""
        count, began = 0, time.monotonic()
        while count < per_s * s:
            for _turn in range(max(1, per_s // BATCHES_PER_S)):
                bot = list(self.data.bots)[count % len(self.data.bots)]
                self.publish("log", name=bot, level="info", line=f"{text} {count} [red]not red[/]")
                count += 1
            await asyncio.sleep(max(0.0, began + count / per_s - time.monotonic()))
        return {"count": count, "took_s": time.monotonic() - began}

    def tick(self, turn: int) -> None:
        """Change five numbers of each bot."""
        for place, bot in enumerate(list(self.data.bots.values())):
            moved = replace(bot, rate=(place * 7 + turn) % 97 / 8, waiting=(place + turn) % 60, errors=turn % 3)
            last_ms = self.data.now_ms + 1000 * turn
            self.data.bots[bot.name] = replace(moved, p95_ms=20 + (place * 13 + turn * 7) % 400, last_ms=last_ms)

    def close_door(self) -> None:
        """Let all clients go, and no new ones in."""
        assert self._server is not None
        self._server.close()
        self.hang_up()

    def hang_up(self) -> None:
        """Let all clients go; they may come back."""
        for client in list(self._clients):
            client.cancel()

    # Its life.

    async def __aenter__(self) -> Self:
        self._home.prepare()
        path = self._home.control_socket
        path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, reachable(path), limit=LINE_MAX)
        return self

    async def __aexit__(self, *_exc: object) -> None:
        assert self._server is not None
        self._server.close()
        self._home.control_socket.unlink(missing_ok=True)
        if self._ticking is not None:
            self._ticking.cancel()
        self.hang_up()
        await asyncio.gather(*self._clients, return_exceptions=True)

    # One client.

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients.add(task)
        beside: set[asyncio.Task[None]] = set()
        feeds: list[Feed] = []
        try:
            while line := await _read(reader):
                answering = asyncio.create_task(self._reply(line, feeds, writer))
                beside.add(answering)
                answering.add_done_callback(beside.discard)
                if b'"subscribe"' in line and not feeds:
                    await answering
                    beside.add(asyncio.create_task(feeds[0].pass_on(writer, self.data.now_ms)))
        except (ConnectionError, asyncio.CancelledError):
            pass  # it went away, or we hung up
        finally:
            self._feeds -= set(feeds)
            for other in beside:
                other.cancel()
            self._clients.discard(task)
            writer.close()

    async def _reply(self, line: bytes, feeds: list[Feed], writer: asyncio.StreamWriter) -> None:
        """Answer one line, after the delay of its method."""
        with contextlib.suppress(ConnectionError):
            method, answer = await self._answer(line, feeds)
            if delay_s := self.delay.get(method, 0.0):
                await asyncio.sleep(delay_s)
            writer.write(answer)
            await writer.drain()

    async def _answer(self, line: bytes, feeds: list[Feed]) -> tuple[str, bytes]:
        """Return the method of one line and what it is answered."""
        request: Request | None = None
        try:
            request = parse_request(codec.loads(line))
            result = await self._call(request, feeds)
            return request.method, _line({"jsonrpc": "2.0", "id": request.id, "result": result})
        except BadJson as error:
            refusal = RpcError(PARSE_ERROR, str(error))
        except SaloError as error:
            refusal = RpcError(COMMAND_REFUSED, str(error), {"exit_code": error.exit_code})
        except RpcError as error:
            refusal = error
        shown = {"code": refusal.code, "message": str(refusal), "data": refusal.data}
        method, number = (request.method, request.id) if request else ("", None)
        return method, _line({"jsonrpc": "2.0", "id": number, "error": shown})

    async def _call(self, request: Request, feeds: list[Feed]) -> Any:
        params = dict(request.params)
        match request.method:
            case "subscribe":
                return self._subscribe(params, feeds)
            case "snapshot":
                return self.data.snapshot(self._seq).as_json()
            case "history":
                return {"events": self._last(int(params.get("count", HISTORY_MAX)))}
            case "order":
                return await self._order(params)
            case "describe" | "command":
                with use_language(_language(params)):
                    return self._describe() if request.method == "describe" else self._command(params)
        raise RpcError(METHOD_NOT_FOUND, f"no method {request.method}")

    def _subscribe(self, params: dict[str, Any], feeds: list[Feed]) -> dict[str, Any]:
        topics = params.get("topics")
        feeds.append(Feed(None if topics is None else frozenset(topics)))
        self._feeds.add(feeds[-1])
        now = {"seq": self._seq, "snapshot": self.data.snapshot(self._seq).as_json()}
        self.subscribing()
        return now

    def _last(self, count: int) -> list[dict[str, Any]]:
        """Return the last events, oldest first, as many as fit into one answer."""
        taken: deque[dict[str, Any]] = deque()
        size = 0
        for event in itertools.islice(reversed(self._history), min(count, HISTORY_MAX)):
            size += len(codec.dumps(event)) + 1
            if size > HISTORY_BYTES:
                break
            taken.appendleft(event)
        return list(taken)

    def _describe(self) -> dict[str, Any]:
        return {"commands": [describe(item) for item in registry().declarations]}

    def _command(self, params: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(params)
        return asdict(self.before(params) or fake_commands.run(self.data, params))

    async def _order(self, params: dict[str, Any]) -> Any:
        do = params.pop("do", "")
        match do:
            case "change":
                self.data.change_bot(params.pop("bot"), **params)
            case "tick":
                self._start_ticking(float(params.get("hz", 1)))
            case "flood":
                return await self.flood(**params)
            case "publish":
                self.publish(params["topic"], **params["data"])
            case "hang_up":
                asyncio.get_running_loop().call_later(0.05, self.hang_up)
            case "asked":
                return self.asked
            case _:
                raise RpcError(INVALID_PARAMS, f"an order is one of {', '.join(ORDERS)}")
        return None

    def _start_ticking(self, hz: float) -> None:
        """Change numbers of all bots so many times a second from now on; 0 ends it."""

        async def go_on() -> None:
            for turn in itertools.count(1):
                self.tick(turn)
                await asyncio.sleep(1 / hz)

        if self._ticking is not None:
            self._ticking.cancel()
        self._ticking = asyncio.create_task(go_on()) if hz else None


async def _read(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\n")
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        return b""


class Feed:
    """What one subscriber has still to be told; the oldest is dropped, and counted, when it reads too slowly."""

    def __init__(self, topics: frozenset[str] | None) -> None:
        self._topics = topics
        self._lines: deque[bytes] = deque(maxlen=EVENTS_MAX)
        self._dropped = 0
        self._some = asyncio.Event()

    def put(self, topic: str, line: bytes) -> None:
        if self._topics is None or topic in self._topics:
            self._dropped += len(self._lines) == EVENTS_MAX
            self._lines.append(line)
            self._some.set()

    async def pass_on(self, writer: asyncio.StreamWriter, at_ms: int) -> None:
        """Write events as fast as they are taken, for ever."""
        with contextlib.suppress(ConnectionError):
            while True:
                await self._some.wait()
                self._some.clear()
                lines, dropped = list(self._lines), self._dropped
                self._lines.clear()
                self._dropped = 0
                if dropped:
                    seq = codec.loads(lines[0])["params"]["seq"] - 1
                    event = {"seq": seq, "topic": "dropped", "at_ms": at_ms, "data": {"count": dropped}}
                    lines.insert(0, _line({"jsonrpc": "2.0", "method": "event", "params": event}))
                writer.write(b"".join(lines))
                await writer.drain()


def _line(message: dict[str, Any]) -> bytes:
    return codec.dumps(message) + b"\n"


def _language(params: dict[str, Any]) -> str:
    language = params.get("language")
    return str(language) if language in LANGUAGES else "en"


# As a process of its own; ``fake_process`` starts it.


async def _live(home: Path, data: FakeData) -> None:
    async with FakeControl(StateDir(home), data):
        await asyncio.Event().wait()


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("home", type=Path)
    parser.add_argument("--unsolved", type=int, default=37)
    parser.add_argument("--dead", type=int, default=12)
    given = parser.parse_args(arguments)
    data = fake_data(home=str(given.home), unsolved=given.unsolved, dead=given.dead)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_live(given.home, data))


if __name__ == "__main__":
    main(sys.argv[1:])
