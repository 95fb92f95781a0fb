"""``bot_health``: does VK take a bot's token, and does it send the bot's events here?"""

from __future__ import annotations

from engine.vk.table import Action, codes_of
from server.tickers.declare import Scope, Ticker

TICKER = Ticker(
    "bot_health",
    Scope.BOT,
    period_s=lambda settings: settings.bot_health_s,
    deadline_s=lambda settings: settings.bot_health_deadline_s,
    recheck_s=60.0,
    tells_health=True,
)

_DEAD_TOKEN = tuple(f"VK error {code}:" for code in codes_of(Action.STOP_BOT))


def is_hint(step: str, reason: str) -> bool:
    """Say whether a step of a message tells that VK refuses the bot's token: its health is to be looked at now."""
    return step in ("buried", "retry") and reason.startswith(_DEAD_TOKEN)
