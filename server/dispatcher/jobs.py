"""What a worker is handed: one event, several to compose, or composed parts to send, as jobs of the engine protocol."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from db import codec, keys
from db.bot_config import BotConfig, HasThresholds
from db.bots import Bot
from db.inbox import Claim, Entry, Given
from db.settings import Settings


def answer_job(
    settings: Settings,
    claim: Claim,
    bot: Bot,
    config: BotConfig,
    entry: Entry,
    attempt: int,
    given: Given,
    *,
    is_repeat: bool,
    later: int = 0,
    paused: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the job to answer one event. It holds the bot's token: never log it. Raises ``BadJson``.

    ``is_repeat``: there was a try before, even one that does not count, and it may have sent something. ``later`` is
    how many messages came after it in its conversation. ``paused`` are methods that VK is not to be asked for now.
    """
    return {
        "job": f"{bot.name}:{entry.entry}:{attempt}",
        "kind": "answer",
        **_common(settings, claim, bot, config, paused),
        **event_item(entry, attempt, given, is_repeat=is_repeat, later=later),
        "slots": 1,
        "slot_in_ms": given.slot_in_ms,
        "base_delta": given.delta,
    }


def compose_job(
    settings: Settings,
    claim: Claim,
    bot: Bot,
    config: BotConfig,
    items: list[dict[str, Any]],
    delta: str,
    *,
    paused: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the job to decide and write down the replies to several events: ``event_item`` of each."""
    return {
        "job": f"{bot.name}:{items[0]['entry']}:compose",
        "kind": "compose",
        **_common(settings, claim, bot, config, paused),
        "slots": 0,
        "base_delta": delta,
        "items": items,
    }


def batch_job(
    settings: Settings,
    claim: Claim,
    bot: Bot,
    config: BotConfig,
    batch: str,
    slot_in_ms: float,
    items: list[dict[str, Any]],
    *,
    paused: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the job to send parts of different conversations in one request, whose slot belongs to ``batch``."""
    return {
        "job": f"{bot.name}:{batch}",
        "kind": "send_batch",
        **_common(settings, claim, bot, config, paused),
        "entry": batch,
        "attempt": 1,
        "slots": 1,
        "slot_in_ms": slot_in_ms,
        "items": items,
    }


def event_item(entry: Entry, attempt: int, given: Given, *, is_repeat: bool, later: int = 0) -> dict[str, Any]:
    """Return what a job says of one event; see ``answer_job``. Raises ``BadJson``."""
    return {
        "person": given.person or None,
        "event": codec.loads(given.event),
        "entry": entry.entry,
        "attempt": attempt,
        "repeat": is_repeat,
        "later": later,
        "accepted_ms": entry.accepted_ms,
    }


def thresholds(settings: Settings, own: HasThresholds) -> dict[str, float]:
    """Return the scores from which a bot or a base answers and suggests: its own, else those of the settings."""
    general = settings.matching
    return {
        "threshold": general.threshold if own.threshold is None else own.threshold,
        "suggest_threshold": general.suggest_threshold if own.suggest_threshold is None else own.suggest_threshold,
    }


def _common(settings: Settings, claim: Claim, bot: Bot, config: BotConfig, paused: Sequence[str]) -> dict[str, Any]:
    return {
        "bot": {
            "name": bot.name,
            "bot_id": bot.bot_id,
            "group_id": bot.group_id,
            "base": bot.base,
            "db": bot.db,
            "title": bot.title,
            "owner": bot.owner,
            "names": list(config.names),
            "language": config.language or settings.platform.language,
            **thresholds(settings, config),
            "unsolved_text": config.unsolved_text,
        },
        "token": config.token.reveal(),
        "lease": {"key": keys.lease(bot.name), "value": claim.lease},
        "paused": list(paused),
        "deadline_ms": int(settings.engine.deadline_s * 1000),
    }
