"""VK's API for a listener: a slot of the token's rate for each call, errors as ours, long poll switched on."""

from __future__ import annotations

import contextlib
import itertools
import secrets
from typing import Any

import redis

from db.accept import STORED_TYPES
from db.bots import Bot
from db.limiter import end_slots, take_slot
from db.secret import Secret
from db.settings import Settings
from engine.vk.client import VkClient, VkSession
from engine.vk.version import API_VERSION

SLOT_S = 30.0  # at most, for a place in the token's rate


class BotCalls:
    """One bot's calls. ``lease`` is (key, value) of the listener's lease: it fences a listener that slept."""

    def __init__(
        self, settings: Settings, client: redis.Redis, bot: Bot, token: Secret, lease: tuple[str, str]
    ) -> None:
        self._redis, self._bot, self._lease = client, bot, lease
        self._per_second = settings.vk.requests_per_s
        self._vk = VkClient(VkSession(settings.vk.api_url, settings.vk.timeout_s), token.reveal())
        self._entry = f"longpoll-{secrets.token_hex(4)}"
        self._numbers = itertools.count()

    def method(self, name: str, values: dict[str, Any]) -> Any:
        """Return VK's answer. Raises ``VkError``, ``VkUnavailable``, ``NoSlot``, ``LeaseLost``."""
        job = (self._entry, next(self._numbers))
        take_slot(self._redis, self._lease, self._bot.db, job, 0, per_second=self._per_second, most_s=SLOT_S)
        try:
            return self._vk.call(name, **values)
        finally:
            self._end(job)

    def _end(self, job: tuple[str, int]) -> None:
        """Let the slot end a window from here: VK has the request. Without Redis it ends by itself, later."""
        with contextlib.suppress(redis.RedisError):
            end_slots(self._redis, self._lease, self._bot.db, job)

    def switch_on(self) -> bool:
        """Let VK tell the events that we handle by long poll; return whether something had to be changed."""
        own = {"group_id": self._bot.group_id}
        now = self.method("groups.getLongPollSettings", own)
        events = now.get("events", {}) if isinstance(now, dict) else {}
        if now.get("is_enabled") and all(events.get(name) for name in STORED_TYPES):
            return False
        chosen = {"enabled": 1, "api_version": API_VERSION, **dict.fromkeys(sorted(STORED_TYPES), 1)}
        self.method("groups.setLongPollSettings", {**own, **chosen})
        return True
