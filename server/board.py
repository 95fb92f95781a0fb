"""What the platform's parts found out for the operator: the lamps, the tickers, and how each bot is.

Kept in memory and shown with every snapshot. Whoever finds something out puts it here, in the platform's loop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

from db.protocol import Health, HealthState, ProcessInfo, TickerInfo
from db.texts import _

LAMPS = ("redis", "mariadb", "callback")  # kinds of processes without which nothing works

_WORSE: dict[HealthState, int] = {"ok": 0, "warn": 1, "bad": 2}


class Board:
    """All that is held for the snapshot and known to nobody else."""

    def __init__(
        self,
        publish: Callable[[str, dict[str, Any]], None],
        on_checked: Callable[[str, Health], None] = lambda bot, health: None,
    ) -> None:
        self._publish = publish
        self._on_checked = on_checked  # a bot was looked at
        self._lamps: dict[str, Health] = {}
        self._bots: dict[str, Health] = {}
        self._tickers: dict[tuple[str, str], TickerInfo] = {}

    def set_lamp(self, name: str, health: Health) -> None:
        """Show what a check of ``redis``, ``mariadb`` or another part found, as long as its process runs."""
        self._lamps[name] = health

    def lamps(self, processes: Iterable[ProcessInfo]) -> dict[str, Health]:
        """Return each lamp: of a process that does not run, what the supervisor knows; else what its check found."""
        running = lamps_of(processes)
        found = {name: self._lamps.get(name, health) if health.state == "ok" else health
                 for name, health in running.items()}  # fmt: skip
        return {**self._lamps, **found}

    def set_bot_health(self, bot: str, health: Health | None) -> None:
        """Show how a bot is; None: its check is to be forgotten."""
        self._bots.pop(bot, None)
        if health is not None:
            self._bots[bot] = health
            self._on_checked(bot, health)

    def bot_health(self, bot: str) -> Health | None:
        """Return how a bot is, as its last check found it."""
        return self._bots.get(bot)

    def set_ticker(self, info: TickerInfo) -> None:
        """Show one ticker, and tell the subscribers at once."""
        self._tickers[info.name, info.bot] = info
        self._publish("ticker", asdict(info))

    def set_tickers(self, infos: Iterable[TickerInfo]) -> None:
        """Show these tickers and no others; whatever changed is told."""
        before, self._tickers = self._tickers, {}
        for info in infos:
            if before.get((info.name, info.bot)) != info:
                self.set_ticker(info)
            self._tickers[info.name, info.bot] = info

    def tickers(self) -> list[TickerInfo]:
        """Return the tickers in the order in which they came to be known."""
        return list(self._tickers.values())


def lamps_of(processes: Iterable[ProcessInfo]) -> dict[str, Health]:
    """Return a lamp for each kind of process that matters: the worst of its kind, less bad while others of it run."""
    found: dict[str, list[ProcessInfo]] = {name: [] for name in LAMPS}
    for info in processes:
        if info.kind in found:
            found[info.kind].append(info)
    return {name: _lamp(infos) for name, infos in found.items() if infos}


def _lamp(infos: list[ProcessInfo]) -> Health:
    healths = [_health(info) for info in infos]
    worst = max(healths, key=lambda health: _WORSE[health.state])
    if worst.state == "bad" and any(health.state == "ok" for health in healths):
        return Health("warn", worst.text)
    return worst


def _health(info: ProcessInfo) -> Health:
    if info.state == "running":
        return Health("ok")
    if info.state == "starting" and not info.restarts:
        return Health("warn", _("{name} is starting").format(name=info.name))
    if info.state == "stopping":
        return Health("warn", _("{name} is stopping").format(name=info.name))
    text = _("{name} does not run: {reason}; see logs/{name}.log")
    return Health("bad", text.format(name=info.name, reason=info.reason or "-"))
