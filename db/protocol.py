"""Types of the control protocol: JSON-RPC 2.0 over a unix socket, one object per line, 1 MiB each way.

The terminal imports this module and the settings, and nothing else of the platform.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

LINE_MAX = 1 << 20  # bytes of one request or answer
PAGE_MAX = 200  # rows of one page
LET_GO = b"!"  # down the pipe that ties a platform to its terminal: live on without me

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS, INTERNAL_ERROR = -32700, -32600, -32601, -32602, -32603
COMMAND_REFUSED = -32000  # data: {"exit_code": n}

ProcessState = Literal["starting", "running", "backoff", "failed", "stopping", "stopped"]


@dataclass(frozen=True, slots=True)
class ProcessInfo:
    """One child of the platform, as the operator sees it.

    ``uptime`` is in seconds and ``memory`` (what it keeps in RAM) in bytes; both are None while it is down.
    """

    kind: str
    name: str
    pid: int | None
    state: ProcessState
    restarts: int
    uptime: float | None
    memory: int | None
    reason: str | None = None  # why it last ended


HealthState = Literal["ok", "warn", "bad"]
PauseKind = Literal["", "token", "failing", "vk", "method"]
TickerState = Literal["waiting", "running", "paused", "elsewhere"]


@dataclass(frozen=True, slots=True)
class Health:
    """What a check found: of a bot, of Redis, of MariaDB. ``text`` says what is wrong and what to do."""

    state: HealthState
    text: str = ""
    ms: float | None = None  # how long what was asked took to answer
    at_ms: int = 0  # Unix time of the check


@dataclass(frozen=True, slots=True)
class TickerInfo:
    """One ticker, as the operator sees it; one of a bot's names the bot. Times are Unix times in milliseconds."""

    name: str
    bot: str
    period_s: float
    state: TickerState
    last_ms: int | None = None
    next_ms: int | None = None
    took_ms: int | None = None
    result: HealthState | Literal["failed"] | None = None  # of the last tick; failed: it died, or was killed
    text: str = ""
    failures: int = 0  # one after another


@dataclass(frozen=True, slots=True)
class BotInfo:
    """One bot, as the operator sees it.

    Counters run since the platform's start; a snapshot of so many bots that it would be too long leaves them out.
    """

    name: str
    bot_id: int
    group_id: int
    base: str
    enabled: bool
    lane: Literal["running", "elsewhere", "stopped"]
    waiting: int
    in_flight: int
    counters: dict[str, int] = field(default_factory=dict)
    title: str = ""
    rate: float = 0.0  # messages a second, settled in the last minute
    p95_ms: int | None = None  # from accepted to settled, of the last five minutes; None: there were none
    errors: int = 0  # attempts that failed in the last five minutes
    unsolved: int | None = None  # phrases that wait for an answer; None: MariaDB has not told yet
    last_ms: int | None = None  # Unix time at which the last message was settled
    health: Health | None = None  # as its last check or its lane found it; None: not checked yet
    host: str = ""  # that runs its lane, when it is another
    pause: PauseKind = ""  # why its lane rests: the token is refused, most messages fail, VK or a method is silent


@dataclass(frozen=True, slots=True)
class PlatformSnapshot:
    """What ``status`` and the start of a subscription show.

    ``seq`` is the number of the last event before it. ``platform`` are facts: ``state``, ``pid``, ``version``,
    ``uptime``, ``home``, ``host``, ``callback``, ``redis``, ``mariadb``, ``dead`` (letters), and ``lamps``:
    ``{"redis" | "mariadb" | …: Health}``.
    """

    platform: dict[str, Any]
    bots: list[BotInfo]
    processes: list[ProcessInfo]
    tickers: list[TickerInfo] = field(default_factory=list)
    seq: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return plain lists and dicts, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What a command says (``text``, for people) and gives (``data``, for programs)."""

    text: str
    data: Any = None
    exit_code: int = 0


@dataclass(frozen=True, slots=True)
class PlatformEvent:
    """One numbered delta of a subscription. ``topic`` is ``process``, ``bot``, ``ticker``, ``platform``, ``event``,
    ``log`` or ``dropped``.

    ``log`` is ``{name, level, line}``, ``event`` a step of one message: ``{bot, entry, peer_id, step, reason, age_ms}``
    and, at its end, ``text`` and ``reply``; ``bot`` where its ``lane`` runs and, when it begins to rest or goes on,
    ``pause``: ``{kind, reason, until_ms, is_over}``; ``platform`` its ``state`` and who stopped it, ``stopped_by``.
    """

    seq: int
    topic: str
    at_ms: int
    data: dict[str, Any]
