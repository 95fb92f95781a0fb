"""What one tick works with: the stores of this worker, and VK with the bot's token, within the token's rate."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from db.limiter import take_slot
from engine.desk import REPORT_S, Stores
from engine.job import BotCard, TickJob
from engine.vk.client import VkClient
from engine.vk.errors import VkUnavailable


class TickDesk:
    """One tick's tools. Connects to nothing before it is asked to."""

    def __init__(self, job: TickJob, stores: Stores, keep_code: Callable[[str], None]) -> None:
        """``keep_code`` has the bot's confirmation code stored and returns when that is done."""
        self.job = job
        self.keep_code = keep_code
        self.stores = stores
        self.vk_s = 0.0  # how long VK took to answer the last call
        self._slots = 0
        self._vk = VkClient(stores.session, job.token)

    @property
    def bot(self) -> BotCard:
        """The bot that this tick is about."""
        assert self.job.bot is not None, f"ticker {self.job.ticker} belongs to a bot"
        return self.job.bot

    @property
    def slots_used(self) -> int:
        return self._slots

    def left_s(self) -> float:
        """Seconds that are left, less what the report needs."""
        return max(self.job.left_s() - REPORT_S, 0.05)

    def call_vk(self, method: str, **values: Any) -> Any:
        """Call VK once, and once more when the connection was cut: a kept one does not last.

        Raises ``VkError``, ``VkUnavailable``, ``NoSlot``, ``LeaseLost``.
        """
        try:
            return self._call_once(method, values)
        except VkUnavailable as error:
            if not error.is_broken:
                raise
            return self._call_once(method, values)

    def _call_once(self, method: str, values: dict[str, Any]) -> Any:
        job, vk = self.job, self.stores.settings.vk
        claim = (self.stores.redis, (job.lease_key, job.lease_value), self.bot.db, (job.entry, 1))
        # Held to the job's end: a request may be on its way until this worker is killed.
        most_s = max(job.left_s(), 0.0)
        take_slot(*claim, self._slots, per_second=vk.requests_per_s, most_s=most_s, spare_s=REPORT_S)
        self._slots += 1
        self.stores.session.timeout_s = min(vk.timeout_s, self.left_s())
        started_s = time.monotonic()
        try:
            return self._vk.call(method, **values)
        finally:
            self.vk_s = time.monotonic() - started_s
