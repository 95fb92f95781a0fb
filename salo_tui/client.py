"""The terminal's side of the control socket: one asyncio reader, answers by number, events in order."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from typing import Any

from db.codec import dumps, loads
from db.errors import EXIT_FAILED, EXIT_UNREACHABLE, BadJson, SaloError
from db.protocol import LINE_MAX, CommandResult, PlatformEvent
from db.state import StateDir, reachable
from db.texts import _, current_language

CONNECT_S = 2.0
CALL_S = 10.0
EVENTS_MAX = 2000  # not yet taken; the platform itself drops for a client that reads slowly


class PlatformUnreachable(SaloError):
    """No platform answers on the control socket, or it went away."""

    exit_code = EXIT_UNREACHABLE


class Refused(SaloError):
    """The platform refused a request; ``exit_code`` is what a shell would get."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Client:
    """One connection to the platform, in one event loop. Who subscribes must take the events: answers queue behind."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._number = 0
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._events: asyncio.Queue[PlatformEvent | None] = asyncio.Queue(EVENTS_MAX)
        self._reading = asyncio.create_task(self._read())
        self._closing: asyncio.Task[None] | None = None

    @classmethod
    async def connect(cls, state: StateDir) -> Client:
        """Reach the platform of a state directory. Raises ``PlatformUnreachable``."""
        try:
            async with asyncio.timeout(CONNECT_S):
                path = reachable(state.control_socket)
                reader, writer = await asyncio.open_unix_connection(path, limit=LINE_MAX)
        except (OSError, TimeoutError):
            text = _("no platform runs on {home}; start it: salo run")
            raise PlatformUnreachable(text.format(home=state.root)) from None
        return cls(reader, writer)

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.close()

    def hang_up(self) -> None:
        """End the link, now; whoever waits for an answer gets ``PlatformUnreachable``, and there are no more events."""
        self._reading.cancel()
        self._writer.close()

    async def close(self) -> None:
        """Hang up and wait until that is done. May be called again, and cancelled."""
        self.hang_up()
        await asyncio.gather(self._reading, return_exceptions=True)
        if self._closing is None:
            self._closing = asyncio.create_task(self._close_writer())
        await asyncio.shield(self._closing)

    async def _close_writer(self) -> None:
        """Wait in a task of its own: whoever waits within ``wait_closed`` and is cancelled cancels it for all."""
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def describe(self) -> list[dict[str, Any]]:
        """Return the declarations of all commands."""
        answer = await self.call("describe", {"language": current_language()})
        return list(answer["commands"])

    async def snapshot(self) -> dict[str, Any]:
        """Return what ``db.protocol.PlatformSnapshot`` is as JSON."""
        return dict(await self.call("snapshot", {}))

    async def history(self, count: int) -> list[PlatformEvent]:
        """Return the last log lines and steps of messages, oldest first; up to 1,000 of them, fewer when they are long.

        They have the numbers under which they were told: those after a subscription's ``seq`` come by it too.
        """
        answer = await self.call("history", {"count": count})
        return [_event(raw) for raw in answer["events"]]

    async def command(
        self, line: str, *, role: str | None = None, timeout_s: float | None = None, read_only: bool = False
    ) -> CommandResult:
        """Run a line as typed; with ``read_only`` only if it changes nothing. Raises ``Refused``."""
        params: dict[str, Any] = {"line": line, "language": current_language()}
        params |= {"role": role} if role else {}
        params |= {"read_only": True} if read_only else {}
        answer = await self.call("command", params, timeout_s)
        return CommandResult(answer["text"], answer["data"], answer["exit_code"])

    async def subscribe(self, topics: Iterable[str] | None = None) -> dict[str, Any]:
        """Begin to get events, and return ``{seq, snapshot}``: what was before the first of them."""
        return dict(await self.call("subscribe", {} if topics is None else {"topics": sorted(topics)}))

    async def events(self) -> AsyncIterator[PlatformEvent]:
        """Yield events until the platform goes away."""
        while (event := await self._events.get()) is not None:
            yield event

    async def call(self, method: str, params: dict[str, Any], timeout_s: float | None = CALL_S) -> Any:
        """Return the result of one request. Raises ``Refused`` or ``PlatformUnreachable``."""
        self._number += 1
        number, future = self._number, asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        try:
            if self._reading.done():
                raise _gone()
            self._writer.write(dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}) + b"\n")
            async with asyncio.timeout(timeout_s):
                await self._writer.drain()
                answer = await future
        except (OSError, TimeoutError) as error:
            text = _("the platform does not answer: {reason}")
            raise PlatformUnreachable(text.format(reason=str(error) or f"{timeout_s:g} s")) from None
        finally:
            self._waiting.pop(number, None)
        if "error" in answer:
            refusal = answer["error"]
            raise Refused(str(refusal.get("message")), int((refusal.get("data") or {}).get("exit_code", EXIT_FAILED)))
        return answer["result"]

    async def _read(self) -> None:
        """Pass lines on until there are no more."""
        try:
            while (line := await self._reader.readuntil(b"\n")) is not None:
                await self._pass_on(loads(line))
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError, BadJson):
            pass
        finally:
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(_gone())
            if self._events.full():
                self._events.get_nowait()
            self._events.put_nowait(None)

    async def _pass_on(self, message: dict[str, Any]) -> None:
        if message.get("method") == "event":
            await self._events.put(_event(message["params"]))
            return
        future = self._waiting.get(message.get("id") or 0)
        if future is not None and not future.done():
            future.set_result(message)


def _event(raw: dict[str, Any]) -> PlatformEvent:
    return PlatformEvent(raw["seq"], raw["topic"], raw["at_ms"], raw["data"])


def _gone() -> PlatformUnreachable:
    return PlatformUnreachable(_("the platform went away before it answered"))
