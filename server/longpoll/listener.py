"""One bot's listener: asks for events, keeps each, and only then moves on. Lives in a thread of its own.

What it has not kept it asks for again, also after a crash, so an event is never lost here; one told twice, or told
by a callback too, is dropped by the inbox.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable

from db.accept import Outcome
from db.bots import Bot
from db.errors import SaloError, StorageUnavailable
from db.long_poll import Place
from engine.vk.errors import VkError
from server.callback.event import BadEvent
from server.longpoll.calls import BotCalls
from server.longpoll.keeping import BotGone, Keeping, event_of
from server.longpoll.pace import pause_s
from server.longpoll.session import Raw, Session

RENEW_S = 6 * 3600.0  # sessions were seen to fall asleep after a day
SILENCE_S = 600.0  # without an event: the session may be deaf
_NO_RIGHT = frozenset({7, 15})

log = logging.getLogger(__name__)


class Listener:
    """Listens from ``start`` until ``stop``. ``answered_s`` is when VK last said anything (monotonic)."""

    def __init__(self, bot: Bot, calls: BotCalls, place: Place, keeping: Keeping, is_ours: Callable[[], bool]) -> None:
        self.bot = bot
        self.answered_s = time.monotonic()
        self._calls, self._place, self._keeping, self._is_ours = calls, place, keeping, is_ours
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"listener {bot.name}", daemon=True)
        self._dice = random.Random()
        self._failures = 0

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Let it end after the poll that is under way, whose events are still kept."""
        self._stopping.set()

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._listen()
            except BotGone:
                return
            except Exception as error:
                self._pause(error)

    def _listen(self) -> None:
        """Open a session and follow it until it should be renewed."""
        self.answered_s = time.monotonic()
        self._switch_on()
        session = Session(self._calls, self.bot.group_id, self._place.read())
        try:
            began = heard = time.monotonic()
            while not self._stopping.is_set() and time.monotonic() < min(began + RENEW_S, heard + SILENCE_S):
                if not self._is_ours():
                    raise StorageUnavailable("the listener's lease is not ours")
                if self._follow(session):
                    heard = time.monotonic()
        finally:
            session.close()

    def _follow(self, session: Session) -> bool:
        """Keep the next events and move on; return whether there were any."""
        found = session.news()
        if session.lost:
            log.error("events lost by long poll bot=%s what=%s", self.bot.name, session.lost)
        for raw in found:
            self._keep(raw)
        self._place.answered(session.place)
        self.answered_s, self._failures = time.monotonic(), 0
        return bool(found)

    def _keep(self, raw: Raw) -> None:
        """Keep one event, however long the storage needs."""
        try:
            event = event_of(raw, self.bot.group_id)
        except BadEvent as error:
            log.warning("event of an unknown form bot=%s error=%s", self.bot.name, error)
            return
        failures = 0
        while event is not None:
            try:
                outcome = self._keeping.keep(self.bot.name, event)
            except StorageUnavailable as error:
                failures += 1
                log.warning("event waits bot=%s attempt=%d error=%s", self.bot.name, failures, error)
                self.answered_s = time.monotonic()
                if self._stopping.wait(pause_s(error, failures, self._dice)):
                    raise
                continue
            log.debug(
                "event told bot=%s event_id=%s new=%s", self.bot.name, event.event_id, outcome is Outcome.ACCEPTED
            )
            return

    def _switch_on(self) -> None:
        try:
            if self._calls.switch_on():
                log.info("long poll is switched on bot=%s", self.bot.name)
        except VkError as error:
            if error.code not in _NO_RIGHT:
                raise
            log.info("the token may not see the long poll settings bot=%s", self.bot.name)

    def _pause(self, error: Exception) -> None:
        """Say what went wrong, and wait before the next try."""
        self._failures += 1
        wait_s = pause_s(error, self._failures, self._dice)
        if isinstance(error, SaloError):
            log.warning("listener waits bot=%s wait_s=%.1f error=%s", self.bot.name, wait_s, error)
        else:
            log.exception("listener failed bot=%s wait_s=%.1f", self.bot.name, wait_s)
        try:
            self._place.troubled(str(error))
        except Exception as trouble:  # the storage itself may be what is missing
            log.warning("trouble not noted bot=%s error=%s", self.bot.name, trouble)
        self.answered_s = time.monotonic() + wait_s
        self._stopping.wait(wait_s)
