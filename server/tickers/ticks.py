"""One tick: the job that a ticker worker gets, and what came back, or why nothing did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast, get_args

from db.bot_config import BotConfig
from db.bots import Bot
from db.protocol import Health, HealthState
from db.texts import _
from db.tickers import TickResult
from server.dispatcher.pool import DeadlineMissed, OnAsk, WorkerDied, WorkerHandle
from server.dispatcher.verdicts import Verdict
from server.tickers.duty import Duty


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one tick. ``reason`` is for the log; ``parts`` are what it looked at, by name."""

    result: TickResult
    text: str = ""
    reason: str = ""
    ms: float | None = None
    parts: Mapping[str, Health] = field(default_factory=dict)
    has_more: bool = False  # it stopped in the middle of its work, so as not to keep others waiting
    is_void: bool = False  # Redis was silent, or the lease lost meanwhile: this tells nothing


def tick_job(duty: Duty, entry: str, deadline_s: float, *, sets_up: bool = False) -> dict[str, Any]:
    """Return the job. It holds the bot's token, and what its callbacks are set up with: never log it."""
    key, value = duty.lease or ("", "")
    return {
        "job": entry,
        "kind": "tick",
        "ticker": duty.ticker.name,
        "bot": _card(duty.bot, duty.config) if duty.bot and duty.config else None,
        "token": duty.config.token.reveal() if duty.config else "",
        "entry": entry,
        "lease": {"key": key, "value": value},
        "deadline_ms": int(deadline_s * 1000),
        "wrong": duty.wrong,
        **(_callback_secrets(duty.config) if sets_up and duty.config else {}),
    }


def _callback_secrets(config: BotConfig) -> dict[str, str]:
    return {"secret": config.secret.reveal(), "confirmation": config.confirmation.reveal()}


def _card(bot: Bot, config: BotConfig) -> dict[str, Any]:
    return {
        "name": bot.name,
        "bot_id": bot.bot_id,
        "group_id": bot.group_id,
        "base": bot.base,
        "db": bot.db,
        "title": bot.title,
        "names": list(config.names),
    }


async def refuse_ask(ask: dict[str, Any]) -> dict[str, Any]:
    return {"id": ask.get("id"), "text": "a tick asks nobody", "data": None, "exit_code": 1}


async def run_tick(
    worker: WorkerHandle, job: dict[str, Any], deadline_s: float, now_ms: int, on_ask: OnAsk = refuse_ask
) -> Outcome:
    """Return what became of a tick. Within its deadline, whatever the worker does."""
    try:
        return outcome_of(await worker.run(job, deadline_s, on_ask), now_ms)
    except DeadlineMissed as error:
        return failed(_("it took longer than {count} s and was killed").format(count=f"{deadline_s:g}"), str(error))
    except WorkerDied as error:
        return failed(_("its process died"), str(error))


def failed(text: str, reason: str) -> Outcome:
    return Outcome("failed", text, reason)


def outcome_of(verdict: Verdict, now_ms: int) -> Outcome:
    """Return what a verdict says."""
    found = verdict.raw.get("tick")
    if verdict.outcome != "done" or not isinstance(found, dict) or found.get("state") not in get_args(HealthState):
        reason = verdict.reason or "the verdict tells of no tick"
        return Outcome("failed", _("it failed: {reason}").format(reason=reason), reason, is_void=verdict.outage)
    parts = found.get("parts")
    healths = {str(name): _health(part, now_ms) for name, part in parts.items()} if isinstance(parts, dict) else {}
    return Outcome(
        cast(HealthState, found["state"]),
        str(found.get("text") or ""),
        str(found.get("reason") or ""),
        _number(found.get("ms")),
        healths,
        has_more=found.get("has_more") is True,
    )


def _health(part: Any, now_ms: int) -> Health:
    told = part if isinstance(part, dict) else {}
    state = told.get("state")
    shown = cast(HealthState, state) if state in get_args(HealthState) else "warn"
    return Health(shown, str(told.get("text") or ""), _number(told.get("ms")), now_ms)


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
