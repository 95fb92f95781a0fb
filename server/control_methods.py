"""The methods of the control protocol: what each takes and gives. Knows no sockets."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

from db.errors import SaloError
from db.protocol import (
    COMMAND_REFUSED,
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    CommandResult,
)
from db.texts import LANGUAGES, _, use_language
from engine.commands.bind import bind_mapping
from engine.commands.declare import Declaration, Face
from engine.commands.describe import describe
from engine.commands.errors import BadCommand, NotAllowed
from engine.commands.registry import registry
from engine.commands.roles import Role, checked_role
from server.commands.context import Actor, PlatformContext, PlatformView, Resources
from server.commands.loopview import LoopView
from server.commands.run import run_command
from server.control_threads import CommandThreads
from server.feed_history import ANSWER_EVENTS_MAX, FeedHistory

CALLER_AT_ONCE = 8  # commands of one client in one pool of threads; more of them wait
ID_MAX = 100

log = logging.getLogger(__name__)


class RpcError(Exception):
    """An error of JSON-RPC: its code, its text, and data for programs."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.code, self.message, self.data = code, message, data


@dataclass(frozen=True, slots=True)
class Request:
    """One request as the client sent it. Without an id nobody waits for the answer."""

    method: str
    params: Mapping[str, Any]
    id: int | str | None
    wants_answer: bool


def parse_request(raw: Any) -> Request:
    """Return the request of a parsed line. Raises ``RpcError``."""
    if not isinstance(raw, dict) or raw.get("jsonrpc") != "2.0" or not isinstance(raw.get("method"), str):
        raise RpcError(INVALID_REQUEST, 'a request is {"jsonrpc": "2.0", "id": …, "method": …, "params": {…}}')
    number, params = raw.get("id"), raw.get("params", {})
    if isinstance(number, bool) or not isinstance(number, int | str | None) or len(str(number)) > ID_MAX:
        raise RpcError(INVALID_REQUEST, f"id must be a number, or a text of up to {ID_MAX} letters")
    if not isinstance(params, dict):
        raise RpcError(INVALID_PARAMS, "params must be an object")
    return Request(raw["method"], params, number, "id" in raw)


class Caller:
    """One client as the methods know it: who it is, and its share of each pool of threads."""

    def __init__(self, who: str) -> None:
        self.who = who
        self._turns: defaultdict[Executor, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(CALLER_AT_ONCE))

    def turn(self, pool: Executor) -> asyncio.Semaphore:
        """Return what a command of this client takes before it goes into a pool."""
        return self._turns[pool]


class Methods:
    """Answers requests. Lives in the platform's loop; commands run in ``threads``, since they block."""

    def __init__(
        self,
        resources: Resources,
        view: PlatformView,
        threads: CommandThreads,
        snapshot: Callable[[], Any],
        history: FeedHistory,
    ) -> None:
        """``snapshot`` returns one that is ready to be sent."""
        self._resources = resources
        self._history = history
        self._threads = threads
        self._snapshot = snapshot
        self._loop_view = LoopView(view, asyncio.get_running_loop())

    async def call(self, request: Request, caller: Caller) -> Any:
        """Return the result of any method but ``subscribe``. Raises ``RpcError``."""
        match request.method:
            case "describe":
                return self._describe(request.params)
            case "snapshot":
                return self._snapshot()
            case "command":
                return await self._command(request.params, caller)
            case "history":
                return self._last(request.params)
        known = "describe, command, subscribe, snapshot, history"
        raise RpcError(METHOD_NOT_FOUND, f"no method {request.method[:40]!r}; {known}")

    def _last(self, params: Mapping[str, Any]) -> dict[str, Any]:
        count = params.get("count", ANSWER_EVENTS_MAX)
        if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count <= ANSWER_EVENTS_MAX:
            raise RpcError(INVALID_PARAMS, f"count must be a number from 0 to {ANSWER_EVENTS_MAX}")
        return {"events": self._history.last(count)}

    def _describe(self, params: Mapping[str, Any]) -> dict[str, Any]:
        with use_language(self._language(params)):
            return {"commands": [describe(item) for item in registry().declarations]}

    async def _command(self, params: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
        loop, pool = asyncio.get_running_loop(), self._threads.of(params)
        async with caller.turn(pool):
            result = await loop.run_in_executor(pool, self._run, params, caller.who)
        return {"text": result.text, "data": result.data, "exit_code": result.exit_code}

    def _run(self, params: Mapping[str, Any], who: str) -> CommandResult:
        with use_language(self._language(params)):
            try:
                return self._run_as(params, self._actor(params, who))
            except SaloError as error:
                raise RpcError(COMMAND_REFUSED, str(error), {"exit_code": error.exit_code}) from None
            except RpcError:
                raise
            except Exception as error:
                log.exception("command failed who=%s", who)
                raise RpcError(INTERNAL_ERROR, f"{type(error).__name__}; the platform's log says more") from None

    def _run_as(self, params: Mapping[str, Any], actor: Actor) -> CommandResult:
        context = PlatformContext(self._resources, actor, self._loop_view)
        line, name, args = params.get("line"), params.get("name"), params.get("args", {})
        is_read_only = bool(params.get("read_only"))
        if isinstance(line, str):
            found = registry().find(line)
            _check_reading(found.declaration, is_read_only)
            return run_command(context, found.declaration, found.arguments())
        if not isinstance(name, str) or not isinstance(args, dict):
            raise RpcError(INVALID_PARAMS, 'command takes {"line": …} or {"name": …, "args": {…}}')
        declaration = registry().get(name)
        if declaration is None:
            raise BadCommand(registry().unknown(name))
        _check_reading(declaration, is_read_only)
        return run_command(context, declaration, bind_mapping(declaration, args))

    def _actor(self, params: Mapping[str, Any], who: str) -> Actor:
        """Whoever reaches the socket owns the platform; a role that is named can only lower that."""
        role = checked_role(str(params["role"])) if "role" in params else Role.OWNER
        face = Face.SHELL if params.get("face") == Face.SHELL else Face.TERMINAL
        return Actor(role, face, who)

    def _language(self, params: Mapping[str, Any]) -> str:
        language = params.get("language")
        return language if language in LANGUAGES else self._resources.settings.platform.language


def _check_reading(declaration: Declaration, is_read_only: bool) -> None:
    """Refuse what would change something to whoever is there to look only."""
    if is_read_only and declaration.changing:
        text = _("/{command} changes something, and this terminal is for reading only")
        raise NotAllowed(text.format(command=declaration.name))
