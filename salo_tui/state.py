"""What the terminal knows of the platform, as one frozen value: a snapshot, and the numbered events after it.

Pure. Counters, queues and memory come with snapshots, which are asked for again and again; events tell at once what
must not wait: a process that died, a lane that stopped. An event says how something is, not by how much it changed,
so one that is applied twice does no harm.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

from db.errors import SaloError
from db.protocol import BotInfo, Health, PlatformEvent, ProcessInfo, TickerInfo
from db.texts import _

EVENTS_KEPT = 200
LOG, DROPPED = "log", "dropped"

_Info = TypeVar("_Info", BotInfo, Health, ProcessInfo, TickerInfo)


class NotUnderstood(SaloError):
    """The platform is of another version: what it says lacks something that we need."""


@dataclass(frozen=True, slots=True)
class State:
    """The platform as the terminal knows it. Mappings are by name and in the platform's order.

    Tickers are by ``name``, or ``name@bot`` where each bot has its own. ``platform`` is without its lamps.
    """

    seq: int = 0  # of the last event
    is_stale: bool = True  # events are missing: only a snapshot can tell
    missed: int = 0  # events that were dropped on the way to us
    platform: Mapping[str, Any] = field(default_factory=dict)
    bots: Mapping[str, BotInfo] = field(default_factory=dict)
    processes: Mapping[str, ProcessInfo] = field(default_factory=dict)
    tickers: Mapping[str, TickerInfo] = field(default_factory=dict)
    lamps: Mapping[str, Health] = field(default_factory=dict)
    events: tuple[PlatformEvent, ...] = ()  # the last ones, oldest first; no log lines


def begun(state: State, seq: int, snapshot: Mapping[str, Any]) -> State:
    """Return the state at the start of a subscription; of what was before only the last events are left."""
    return replace(_with_snapshot(state, snapshot), seq=seq, is_stale=False)


def asked(state: State) -> State:
    """Return the state when a snapshot is on its way: what is missed from now on needs another one."""
    return replace(state, is_stale=False)


def renewed(state: State, snapshot: Mapping[str, Any], since: Iterable[PlatformEvent]) -> State:
    """Return the state after the snapshot that was asked for. ``since`` are the events that came meanwhile.

    Those that the snapshot has not seen are applied to it once more: it says which was the last before it.
    """
    seen = int(snapshot.get("seq", 0))
    state = _with_snapshot(state, snapshot)
    for event in since:
        if event.seq > seen:
            state = _changed(state, event)
    return state


def applied(state: State, event: PlatformEvent) -> State:
    """Return the state after the next event. A gap in the numbers, or a ``dropped``, makes it stale."""
    is_stale = state.is_stale or event.topic == DROPPED or event.seq != state.seq + 1
    if event.topic == LOG:
        return replace(state, seq=event.seq, is_stale=is_stale)
    if event.topic == DROPPED:
        missed = state.missed + int(event.data.get("count", 0))
        return replace(state, seq=event.seq, is_stale=True, missed=missed)
    events = (*state.events, event)[-EVENTS_KEPT:]
    return _changed(replace(state, seq=event.seq, is_stale=is_stale, events=events), event)


def ticker_key(info: TickerInfo) -> str:
    """Return what a ticker is known by."""
    return f"{info.name}@{info.bot}" if info.bot else info.name


def _with_snapshot(state: State, snapshot: Mapping[str, Any]) -> State:
    try:
        platform = dict(snapshot["platform"])
        lamps = {name: _info(Health, raw) for name, raw in platform.pop("lamps", {}).items()}
        bots = {raw["name"]: _bot(raw) for raw in snapshot["bots"]}
        processes = {raw["name"]: _info(ProcessInfo, raw) for raw in snapshot["processes"]}
        tickers = {ticker_key(info): info for info in (_info(TickerInfo, raw) for raw in snapshot.get("tickers", []))}
    except KeyError as error:
        raise _not_understood(error) from None
    return replace(state, platform=platform, bots=bots, processes=processes, tickers=tickers, lamps=lamps)


def _changed(state: State, event: PlatformEvent) -> State:
    """Return the state with what one event says about a process or a lane."""
    match event.topic:
        case "process":
            info = _info(ProcessInfo, event.data)
            return replace(state, processes={**state.processes, info.name: info})
        case "bot":
            bot = state.bots.get(event.data.get("bot", ""))
            if bot is None:  # a new one, of which nothing else is known yet
                return replace(state, is_stale=True)
            return replace(state, bots={**state.bots, bot.name: replace(bot, lane=event.data.get("lane", bot.lane))})
        case "ticker":
            ticker = _info(TickerInfo, event.data)
            return replace(state, tickers={**state.tickers, ticker_key(ticker): ticker})
        case "platform":
            return replace(state, platform={**state.platform, **event.data})
    return state


def _bot(raw: Mapping[str, Any]) -> BotInfo:
    info, health = _info(BotInfo, raw), raw.get("health")
    return info if health is None else replace(info, health=_info(Health, health))


def _info(kind: type[_Info], raw: Mapping[str, Any]) -> _Info:
    """Return a value of the protocol; fields of a newer platform that we do not know are left out."""
    known = {item.name for item in fields(kind)}
    try:
        return kind(**{name: value for name, value in raw.items() if name in known})
    except TypeError as error:
        raise _not_understood(error) from None


def _not_understood(error: Exception) -> NotUnderstood:
    return NotUnderstood(_("the platform is of another version: {reason}").format(reason=error))
