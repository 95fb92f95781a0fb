"""What a journal entry says: parsed once, so that the writer may trust it. The lanes write it (dispatcher/rows.py)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from db import codec
from db.errors import BadJson
from db.fields import from_ms
from db.models import Network
from engine.matching.normalise import normalise, phrase_hash

TEXT_MAX = 65_535  # bytes of a TEXT column
_BIGINT = range(-(2**63), 2**63)


class BadRow(ValueError):
    """A row that no table can take."""


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One message that was addressed to a bot, and what it said."""

    bot_id: int
    peer_id: int
    account_id: str
    network: Network
    event_id: str
    rx: str
    tx: str | None
    answer_id: int | None
    score: float | None
    time: datetime


@dataclass(frozen=True, slots=True)
class UnsolvedRow:
    """One time somebody said a phrase without an answer."""

    bot_id: int
    rx: str
    rx_norm: str
    rx_hash: str
    time: datetime


@dataclass(frozen=True, slots=True)
class PersonRow:
    """A person's names, as VK tells them."""

    account_id: str
    network: Network
    fi_name: str
    la_name: str
    time: datetime


Row = HistoryRow | UnsolvedRow | PersonRow


def raw_rows(fields: Mapping[bytes, bytes]) -> list[Any]:
    """Return the rows of one journal entry, unparsed; ``BadRow`` when it holds no list."""
    try:
        rows = codec.loads(fields.get(b"ops", b""))
    except BadJson as error:
        raise BadRow(str(error)) from None
    if not isinstance(rows, list):
        raise BadRow("ops is not a list")
    return rows


def parse_row(raw: Any) -> Row | None:
    """Return a row for a table, or ``None`` for what no table keeps; ``BadRow`` names the first wrong field."""
    if not isinstance(raw, dict):
        raise BadRow("not an object")
    op = raw.get("op")
    if op == "ignored":
        return None
    if op not in _PARSERS:
        raise BadRow(f"op {op!r} is not known")
    return _PARSERS[op](raw)


def _history(raw: dict[str, Any]) -> Row:
    return HistoryRow(
        bot_id=_whole(raw, "bot_id"),
        peer_id=_whole(raw, "peer_id"),
        account_id=_text(raw, "account_id"),
        network=_network(raw),
        event_id=_text(raw, "event_id"),
        rx=_text(raw, "rx"),
        tx=None if raw.get("tx") is None else _text(raw, "tx"),
        answer_id=None if raw.get("answer_id") is None else _whole(raw, "answer_id"),
        score=None if raw.get("score") is None else _number(raw, "score"),
        time=_time(raw),
    )


def _unsolved(raw: dict[str, Any]) -> Row | None:
    rx = _text(raw, "rx")
    rx_norm = normalise(rx)
    if not rx_norm:
        return None  # nothing visible: no moderator could answer it
    return UnsolvedRow(_whole(raw, "bot_id"), rx, rx_norm, phrase_hash(rx_norm), _time(raw))


def _person(raw: dict[str, Any]) -> Row:
    names = ["" if raw.get(name) is None else _text(raw, name)[:255] for name in ("fi_name", "la_name")]
    return PersonRow(_text(raw, "account_id"), _network(raw), names[0], names[1], _time(raw))


_PARSERS: dict[str, Callable[[dict[str, Any]], Row | None]] = {
    "history": _history,
    "unsolved": _unsolved,
    "person": _person,
}


def _text(raw: dict[str, Any], name: str) -> str:
    value = raw.get(name)
    if not isinstance(value, str):
        raise BadRow(f"{name} is not text")
    if len(value) * 4 > TEXT_MAX and len(value.encode()) > TEXT_MAX:
        raise BadRow(f"{name} has more than {TEXT_MAX} bytes")
    return value


def _whole(raw: dict[str, Any], name: str) -> int:
    value = raw.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value not in _BIGINT:
        raise BadRow(f"{name} is not a whole number of 64 bits")
    return value


def _number(raw: dict[str, Any], name: str) -> float:
    value = raw.get(name)
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value):
        raise BadRow(f"{name} is not a number")
    return float(value)


def _network(raw: dict[str, Any]) -> Network:
    try:
        return Network(raw.get("network", Network.VK))
    except ValueError:
        raise BadRow(f"network {raw.get('network')!r} is not known") from None


def _time(raw: dict[str, Any]) -> datetime:
    try:
        return from_ms(_whole(raw, "time"))
    except ValueError as error:
        raise BadRow(f"time: {error}") from None
