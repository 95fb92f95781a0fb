"""Which duties this host knows of: one for each ticker without a bot, and for each enabled bot one of each of its."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from db import keys
from db.bot_config import BotConfig
from db.bots import Bot
from db.secret import Secret
from db.settings import TickerSettings
from server.tickers.declare import Scope, Ticker
from server.tickers.duty import Duty, place_of
from server.tickers.schedule import is_far

Lease = tuple[str, str]  # key, value


class Lanes(Protocol):
    """The bots, and which of them are ours: the dispatcher."""

    def bots(self) -> Mapping[str, tuple[Bot, BotConfig]]:
        """Return all bots with their settings."""
        ...

    def lease(self, bot: str) -> str | None:
        """Return the value of a bot's lease when its lane runs here."""
        ...


class Duties:
    """The duties by ticker and bot. ``leader`` gives the leader's lease while this host leads."""

    def __init__(
        self,
        settings: TickerSettings,
        tickers: Sequence[Ticker],
        host_id: str,
        lanes: Lanes,
        leader: Callable[[], Lease | None],
    ) -> None:
        self._settings = settings
        self._tickers = tickers
        self._host_id = host_id
        self._lanes = lanes
        self._leader = leader
        self._found: dict[tuple[str, str], Duty] = {}

    def __iter__(self) -> Iterator[Duty]:
        return iter(list(self._found.values()))

    def get(self, name: str, bot: str) -> Duty | None:
        """Return one duty, or ``None``; ``bot`` is empty when it belongs to none."""
        return self._found.get((name, bot))

    def named(self, name: str) -> list[Duty]:
        """Return the duties of a ticker, of all bots that have it."""
        return [duty for duty in self._found.values() if duty.ticker.name == name]

    def refresh(self, now_ms: int) -> bool:
        """Follow the bots and the leases; say whether a duty came, went or changed hands. Touches no network.

        A bot that was changed is looked at now, and its tick that runs is ended: it knows the old token. So is what
        was planned before the clock was set back.
        """
        wanted = dict(self._wanted())
        gone = [key for key, duty in self._found.items() if key not in wanted or _moved(duty, wanted[key][1])]
        for key in gone:
            _end(self._found.pop(key))
        changed = bool(gone)
        for key, (ticker, bot, config) in wanted.items():
            duty = self._found.get(key)
            if duty is None:
                period_s = ticker.period_s(self._settings)
                duty = Duty(ticker, place_of(ticker, bot, self._host_id), period_s, bot, config)
                self._found[key] = duty
                changed = True
            elif _is_changed(duty, bot, config):
                duty.due_ms, duty.wrong = now_ms, 0
                _end(duty)
            if duty.due_ms is not None and is_far(duty.due_ms, duty.period_s, now_ms):
                duty.due_ms = now_ms
            duty.bot, duty.config = bot, config
            changed |= self._hand_over(duty)
        return changed

    def _wanted(self) -> Iterator[tuple[tuple[str, str], tuple[Ticker, Bot | None, BotConfig | None]]]:
        bots = self._lanes.bots()
        for ticker in self._tickers:
            if ticker.scope is not Scope.BOT:
                yield (ticker.name, ""), (ticker, None, None)
                continue
            for name, (bot, config) in bots.items():
                if bot.enabled:
                    yield (ticker.name, name), (ticker, bot, config)

    def _hand_over(self, duty: Duty) -> bool:
        """Note whether a duty is ours; of one that becomes ours the state is to be read anew."""
        before = duty.lease
        duty.lease = self._lease(duty)
        if (before is None) == (duty.lease is None):
            return False
        if duty.lease is not None:
            duty.due_ms = None
        return True

    def _lease(self, duty: Duty) -> Lease | None:
        if duty.bot is not None:
            value = self._lanes.lease(duty.bot.name)
            return (keys.lease(duty.bot.name), value) if value else None
        return self._leader() if duty.ticker.scope is Scope.LEADER else None


def _moved(duty: Duty, bot: Bot | None) -> bool:
    """Say whether another bot has the name now."""
    return duty.bot is not None and bot is not None and (duty.bot.bot_id, duty.bot.db) != (bot.bot_id, bot.db)


def _is_changed(duty: Duty, bot: Bot | None, config: BotConfig | None) -> bool:
    """Say whether a bot is not what it was. Its confirmation code is what a tick itself has stored."""
    return bot != duty.bot or _without_code(config) != _without_code(duty.config)


def _without_code(config: BotConfig | None) -> BotConfig | None:
    return config and replace(config, version=0, confirmation=Secret(""))


def _end(duty: Duty) -> None:
    if duty.task is not None:
        duty.task.cancel()
