"""What Redis keeps of a ticker, so that a restart or another host goes on in the same rhythm.

Nothing here talks to Redis; a ``Call`` is run by whoever has the connection. What an owner writes, a lease fences.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from db import keys
from db.inbox import Call
from db.protocol import HealthState
from db.scripts import Script
from db.slots import WINDOW_MS

TEXT_MAX = 500  # letters kept
PLACES_MAX = 200  # tickers of one read

TickResult = HealthState | Literal["failed"]
_RESULTS = (*get_args(HealthState), "failed")

_READ, _WRITE = Script("ticker_read"), Script("ticker_write")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a ticker's state lies: the hash, and the number of its database."""

    key: str
    db: int


@dataclass(frozen=True, slots=True)
class TickerState:
    """One ticker as Redis keeps it. Times are Unix times in milliseconds; ``ms`` is how long what was asked took."""

    last_ms: int | None = None
    next_ms: int | None = None
    took_ms: int | None = None
    result: TickResult | None = None
    text: str = ""
    ms: float | None = None
    failures: int = 0  # one after another
    is_paused: bool = False
    about: str = ""  # the public address that a bot's events were to come to


def read(places: Sequence[Place]) -> Call:
    """Read the states of up to ``PLACES_MAX`` tickers."""
    assert len(places) <= PLACES_MAX
    return Call(_READ, tuple(place.key for place in places), tuple(place.db for place in places))


def states(answer: Sequence[Any]) -> list[TickerState]:
    """Return the states in the order in which they were asked for; of one that never ticked an empty one."""
    return [_state(dict(zip(flat[::2], flat[1::2], strict=True))) for flat in answer]


def write_tick(place: Place, state: TickerState, lease: tuple[str, str] = ("", ""), slots_of: str = "") -> Call:
    """Write what became of a tick; its pause is not touched. ``lease`` is (key, value), ``slots_of`` the entry of a
    tick that may hold slots of the bot's rate. The answer is 0 when the lease was lost."""
    words = [
        *("last_ms", _word(state.last_ms), "next_ms", _word(state.next_ms), "took_ms", _word(state.took_ms)),
        *("result", state.result or "", "text", state.text[:TEXT_MAX], "ms", _word(state.ms)),
        *("failures", state.failures, "about", state.about),
    ]
    key, value = lease
    return Call(_WRITE, (key, place.key, keys.RATE), (value, place.db, slots_of, WINDOW_MS * 1000, *words))


def write_pause(place: Place, is_paused: bool) -> Call:
    """Pause a ticker or let it go on, whoever runs it."""
    return Call(_WRITE, ("", place.key, keys.RATE), ("", place.db, "", 0, "paused", int(is_paused)))


def _word(value: float | None) -> str:
    return "" if value is None else str(value)


def _state(raw: Mapping[bytes, bytes]) -> TickerState:
    """Return what a hash holds; a field that is missing or odd counts as never written."""
    fields = {name.decode(): value.decode("utf-8", "replace") for name, value in raw.items()}
    result = fields.get("result")
    return TickerState(
        last_ms=_whole(fields.get("last_ms")),
        next_ms=_whole(fields.get("next_ms")),
        took_ms=_whole(fields.get("took_ms")),
        result=cast(TickResult, result) if result in _RESULTS else None,
        text=fields.get("text", ""),
        ms=_number(fields.get("ms")),
        failures=_whole(fields.get("failures")) or 0,
        is_paused=fields.get("paused") == "1",
        about=fields.get("about", ""),
    )


def _whole(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() else None


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None
