"""One session of Bots Long Poll through vk_api: asks, notices what VK says of lost events, never swallows an error.

vk_api's own loop silently takes any failure but 1 to 3 for an empty answer, and an event of a new form ends it after
its place has moved on: here events stay as they came, and answers that lead nowhere are errors.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol

import requests
from vk_api.bot_longpoll import VkBotLongPoll

from engine.vk.errors import VkUnavailable

WAIT_S = 25  # VK's advice
ANSWER_S = WAIT_S + 10  # vk_api's own limit of one poll
_QUICK_S = 1.0
_QUICK_MAX = 5  # empty answers in a row that came at once

Raw = dict[str, Any]


class Calls(Protocol):
    """VK's API as ``VkBotLongPoll`` uses it."""

    def method(self, name: str, values: dict[str, Any]) -> Any: ...


class _Poll(VkBotLongPoll):  # type: ignore[misc]
    """vk_api's long poll, whose events stay as VK sent them."""

    def __init__(self, calls: Calls, group_id: int) -> None:
        self.asked: list[bool] = []  # for a new server, and whether for a new place too
        super().__init__(calls, group_id, WAIT_S)
        self.session.trust_env = False  # no ~/.netrc, no proxies that the platform did not name
        self.asked.clear()

    def update_longpoll_server(self, update_ts: bool = True) -> None:
        super().update_longpoll_server(update_ts)
        self.asked.append(update_ts)

    def _parse_event(self, raw_event: Raw) -> Raw:
        return raw_event


class Session:
    """A session that begins at ``place``, or where VK is now. Raises what ``calls`` raises."""

    def __init__(
        self, calls: Calls, group_id: int, place: str = "", clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._poll = _Poll(calls, group_id)
        if place:
            self._poll.ts = place
        self._quick = 0
        self.lost = ""  # what VK said of lost events at the last answer: "", "some", "all"

    @property
    def place(self) -> str:
        """Where to go on: everything before it was told."""
        return str(self._poll.ts)

    def close(self) -> None:
        self._poll.session.close()

    def news(self) -> list[Raw]:
        """Return the next events, none after ``WAIT_S`` without any. ``VkUnavailable`` when there is no answer."""
        began = self._clock()
        updates = self._checked()
        self.lost = "all" if any(self._poll.asked) else "some" if isinstance(self._poll.ts, int) else ""
        self._poll.asked.clear()
        self._poll.ts = str(self._poll.ts)
        self._quick = 0 if updates or self._clock() - began >= _QUICK_S else self._quick + 1
        if self._quick >= _QUICK_MAX:
            raise VkUnavailable("long poll: it answers at once and tells nothing")
        return updates

    def _checked(self) -> list[Raw]:
        try:
            updates = self._poll.check()
            if all(isinstance(update, dict) for update in updates):
                return list(updates)
        except requests.exceptions.JSONDecodeError:
            raise VkUnavailable("long poll: the answer is not JSON") from None
        except requests.RequestException as error:
            raise VkUnavailable(f"long poll: {type(error).__name__}") from None
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
            pass
        raise VkUnavailable("long poll: the answer has an unknown form")
