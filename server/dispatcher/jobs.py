"""What a worker is handed: one event as a job of the engine protocol."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from db import codec, keys
from db.bot_config import BotConfig
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
    paused: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the job to answer one event. It holds the bot's token: never log it. Raises ``BadJson``.

    ``is_repeat``: there was a try before, even one that does not count, and it may have sent something. ``paused`` are
    methods that VK is not to be asked for now.
    """
    return {
        "job": f"{bot.name}:{entry.entry}:{attempt}",
        "kind": "answer",
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
            "threshold": settings.matching.threshold if config.threshold is None else config.threshold,
            "unsolved_text": config.unsolved_text,
        },
        "token": config.token.reveal(),
        "person": given.person or None,
        "event": codec.loads(given.event),
        "entry": entry.entry,
        "attempt": attempt,
        "repeat": is_repeat,
        "paused": list(paused),
        "lease": {"key": keys.lease(bot.name), "value": claim.lease},
        "slots": 1,
        "base_delta": given.delta,
        "deadline_ms": int(settings.engine.deadline_s * 1000),
        "accepted_ms": entry.accepted_ms,
    }
