"""Is a bot fit to work? Does VK take its token, is it the right community's, do its events come here?"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import redis

from db import keys
from db.bots import transport_of
from db.limiter import NoSlot
from db.long_poll import Standing, standing
from db.texts import N_
from engine.tickers import callback_setup
from engine.tickers.desk import TickDesk
from engine.tickers.finding import Finding, rounded_ms
from engine.vk.errors import VkError, VkUnavailable
from engine.vk.table import Action

# VK's codes: 100 comes to a user's token, 42 to one bound to other hosts; which say that it is dead, the table knows.
_NOT_OURS, _OTHER_HOST = 100, 42
LISTENER_SILENT_MS = 5 * 60_000.0  # it says that it lives once a minute


def check(desk: TickDesk) -> Mapping[str, Finding]:
    """Return what is found of the bot: first its token, then the way that its events take."""
    try:
        finding = _token(desk)
        ms = rounded_ms(desk.vk_s)
        finding = finding or _events(desk)
    except VkUnavailable as error:
        finding, ms = Finding("warn", N_("VK does not answer ({error})"), {"error": _short(error)}), None
    except NoSlot:
        finding, ms = Finding("warn", N_("the rate limit left no room for the check: too many messages wait")), None
    return {"bot": Finding(finding.state, finding.text, finding.values, ms)}


def _token(desk: TickDesk) -> Finding | None:
    """Return what is wrong with the token, or None."""
    bot = desk.bot
    try:
        answer = desk.call_vk("groups.getById")
    except VkError as error:
        return token_refused(error, bot.name)
    group_id = own_group(answer)
    if group_id == bot.group_id:
        return None
    text = N_("the token is of community {other}, the bot of {own}; replace it: salo bot token {bot} --token-file FILE")
    return Finding("bad", text, {"other": group_id, "own": bot.group_id, "bot": bot.name})


def token_refused(error: VkError, bot: str) -> Finding:
    """Return what an error of the plainest call says of the token."""
    values = {"code": error.code, "bot": bot}
    if error.meaning.action is Action.STOP_BOT and error.code != _OTHER_HOST:
        text = N_("VK refuses the token (error {code}): it is revoked or wrong; issue another in the community's "
                  "settings and replace it: salo bot token {bot} --token-file FILE")  # fmt: skip
        return Finding("bad", text, values)
    if error.code == _NOT_OURS:
        text = N_("the token is a user's, not a community's; replace it: salo bot token {bot} --token-file FILE")
        return Finding("bad", text, values)
    if error.code == _OTHER_HOST:
        return Finding("bad", N_("the token is bound to other IP addresses; issue one without such a bound"))
    return Finding("warn", N_("VK answers with an error ({error})"), {"error": _short(error)})


def own_group(answer: Any) -> int:
    """Return the community's id out of ``groups.getById``, in the form of any version; 0 when there is none."""
    groups = answer.get("groups") if isinstance(answer, dict) else answer
    first = groups[0] if isinstance(groups, list) and groups else {}
    number = first.get("id") if isinstance(first, dict) else 0
    return number if isinstance(number, int) else 0


def _events(desk: TickDesk) -> Finding:
    """Return how events come: set up at VK when it is known where they should, else by whether any ever came."""
    transport = transport_of(desk.stores.redis, desk.bot.name)
    if transport in ("longpoll", "both"):
        finding = long_poll_state(standing(desk.stores.bot_redis(desk.bot.db)), time.time() * 1000)
        if finding.state != "ok":
            return finding
    if callback_setup.url_of(desk):
        finding = _callback(desk, transport)
        if finding.state != "ok":
            return finding
    if not _has_ever_come(desk.stores.redis, desk.bot.name):
        return Finding("ok", N_("no event has come yet"))
    return Finding("ok")


def long_poll_state(now: Standing, now_ms: float) -> Finding:
    """Return what a bot's listener says of itself."""
    if now.trouble:
        return Finding("warn", N_("long poll does not work: {error}"), {"error": now.trouble})
    if now.at_ms and now_ms - now.at_ms > LISTENER_SILENT_MS:
        return Finding("warn", N_("nobody listens by long poll; see logs/longpoll.log"))
    return Finding("ok")


def _callback(desk: TickDesk, transport: str) -> Finding:
    try:
        if transport != "longpoll":
            return callback_setup.set_up(desk)
        if standing(desk.stores.bot_redis(desk.bot.db)).at_ms:  # not before somebody listens
            callback_setup.switch_off(desk)
    except VkError as error:
        return token_refused(error, desk.bot.name)
    return Finding("ok")


def _has_ever_come(client: redis.Redis, bot: str) -> bool:
    """Say whether the inbox ever held an event: its stream stays when the last of them is settled."""
    return bool(client.exists(keys.inbox(bot)))


def _short(error: Exception) -> str:
    return str(error)[:200]
