"""Types of the control protocol: JSON-RPC 2.0 over a unix socket, one object per line, 1 MiB each way.

The terminal imports this module and the settings, and nothing else of the platform.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

LINE_MAX = 1 << 20  # bytes of one request or answer
PAGE_MAX = 200  # rows of one page

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


@dataclass(frozen=True, slots=True)
class BotInfo:
    """One bot, as the operator sees it. Counters run since the platform's start."""

    name: str
    bot_id: int
    group_id: int
    base: str
    enabled: bool
    lane: Literal["running", "elsewhere", "stopped"]
    waiting: int
    in_flight: int
    counters: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PlatformSnapshot:
    """What ``status`` and the start of a subscription show."""

    platform: dict[str, Any]
    bots: list[BotInfo]
    processes: list[ProcessInfo]

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
    """One numbered delta of a subscription. ``topic`` is ``process``, ``bot``, ``event``, ``log`` or ``dropped``."""

    seq: int
    topic: str
    at_ms: int
    data: dict[str, Any]
