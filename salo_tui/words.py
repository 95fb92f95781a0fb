"""How states are said: a sign, a word and a tone for each, the same on all screens. Pure."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from db.protocol import BotInfo, Health, ProcessInfo, TickerInfo
from db.texts import N_, _
from salo_tui.state import State
from salo_tui.store import Link, LinkStatus
from salo_tui.widgets.rows import Cell

SLOW_MS = 2000  # a bot whose 95th percentile is above this is shown as slow
NOTHING = "--"


class Look(NamedTuple):
    """A state's sign, its word, and its tone."""

    sign: str
    word: str
    tone: str

    @property
    def text(self) -> str:
        return f"{self.sign} {_(self.word)}"

    @property
    def cell(self) -> Cell:
        return Cell(self.text, self.tone)


OK, SLOW, DOWN = Look("●", N_("ok"), "good"), Look("◐", N_("slow"), "warn"), Look("○", N_("broken"), "bad")
WARN, UNKNOWN = Look("◐", N_("warns"), "warn"), Look("·", N_("unknown"), "dim")
_PROCESS = {
    "starting": Look("◐", N_("starts"), "warn"),
    "running": Look("●", N_("runs"), "good"),
    "backoff": Look("◐", N_("waits"), "warn"),
    "failed": Look("○", N_("failed"), "bad"),
    "stopping": Look("◐", N_("stops"), "warn"),
    "stopped": Look("○", N_("stopped"), "dim"),
}
_HOST = {False: _PROCESS["running"], True: Look("○", N_("gone"), "bad")}
_HEALTH = {"ok": OK, "warn": WARN, "bad": DOWN}
_PAUSE = {
    "token": Look("○", N_("stopped"), "bad"),
    "failing": Look("○", N_("paused"), "bad"),
    "vk": Look("◐", N_("no VK"), "warn"),
    "method": Look("◐", N_("paused"), "warn"),
}
_TICKER = {
    "waiting": Look("●", N_("waits"), "good"),
    "running": Look("◐", N_("runs"), "warn"),
    "paused": Look("○", N_("paused"), "dim"),
    "elsewhere": Look("·", N_("elsewhere"), "dim"),
}


def bot_look(bot: BotInfo) -> Look:
    """Return how a bot is: what stops it wins over what slows it."""
    if not bot.enabled:
        return Look("○", N_("off"), "dim")
    if bot.lane == "elsewhere":
        return Look("·", N_("elsewhere"), "dim")
    if bot.pause in _PAUSE:
        return _PAUSE[bot.pause]
    if bot.lane != "running" or (bot.health is not None and bot.health.state == "bad"):
        return DOWN
    if bot.p95_ms is not None and bot.p95_ms > SLOW_MS:
        return SLOW
    if bot.errors or (bot.health is not None and bot.health.state == "warn"):
        return WARN
    return OK


def process_look(process: ProcessInfo) -> Look:
    return _PROCESS.get(process.state, UNKNOWN)


def host_look(host: Mapping[str, Any]) -> Look:
    return _HOST[bool(host["gone_ms"])]


def health_look(health: Health | None) -> Look:
    return UNKNOWN if health is None else _HEALTH.get(health.state, UNKNOWN)


def ticker_look(ticker: TickerInfo) -> Look:
    if ticker.result in ("bad", "failed") and ticker.state == "waiting":
        return DOWN
    return _TICKER.get(ticker.state, UNKNOWN)


def link_look(link: Link) -> Look | None:
    """Return what to say of the link; nothing while all is well."""
    match link.status:
        case LinkStatus.CONNECTING:
            return Look("◐", N_("connecting"), "warn")
        case LinkStatus.LOST:
            return Look("○", N_("no platform"), "bad")
    return None


def bots_in_all(state: State) -> list[tuple[Look, int]]:
    """Return how many bots are fine, need a look, are down or off: those there are."""
    found: dict[str, tuple[Look, int]] = {}
    for look in map(bot_look, state.bots.values()):
        found[look.sign + look.tone] = (look, found.get(look.sign + look.tone, (look, 0))[1] + 1)
    order = ("good", "warn", "bad", "dim")
    return sorted(found.values(), key=lambda pair: order.index(pair[0].tone))


def number(value: float | None) -> str:
    """Return a number as columns show it; what is not known is ``--``."""
    if value is None:
        return NOTHING
    return str(int(value)) if value == int(value) else f"{value:.1f}"


def clock(at_ms: int | None) -> str:
    """Return the local time of day, ``14:02:10``."""
    return NOTHING if not at_ms else time.strftime("%H:%M:%S", time.localtime(at_ms / 1000))


def duration(seconds: float | None) -> str:
    """Return a length of time in its largest unit: ``40 s``, ``5 min``, ``3 h``, ``2 d``."""
    if seconds is None:
        return NOTHING
    for size, unit in ((86400, N_("{n} d")), (3600, N_("{n} h")), (60, N_("{n} min"))):
        if seconds >= size:
            return _(unit).format(n=int(seconds // size))
    return _("{n} s").format(n=int(seconds))


def memory(size: int | None) -> str:
    """Return bytes in mebibytes."""
    return NOTHING if size is None else _("{n} MiB").format(n=size >> 20)
