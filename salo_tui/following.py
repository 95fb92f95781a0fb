"""Fills the feeds: with what was said before a link, once, and then with each event as it comes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from db.protocol import PlatformEvent
from salo_tui.feeds import Feeds
from salo_tui.news import line_of

HELD_MAX = 20_000  # events that come before their history does


class Following:
    """Keeps the order of events over a link that comes and goes. ``on_event`` is told each one that is news."""

    def __init__(self, feeds: Feeds, on_event: Callable[[PlatformEvent], None]) -> None:
        self._feeds = feeds
        self._on_event = on_event
        self._pid = 0
        self._last = 0  # number of the last event that the feeds hold
        self._held: deque[PlatformEvent] | None = None  # while the history is on its way

    def begin(self, pid: int) -> None:
        """Hold what comes: a link to the platform ``pid`` is up, and its history is asked for."""
        if pid != self._pid:
            self._pid, self._last = pid, 0
        self._held = deque(maxlen=HELD_MAX)

    def put_history(self, events: Iterable[PlatformEvent]) -> None:
        """Take what was said before, as far as it is not known, and then what was held."""
        held, self._held = self._held or (), None
        for event in events:
            if event.seq > self._last:
                self._keep(event)
        for event in held:
            if event.seq > self._last:
                self.take(event)

    def take(self, event: PlatformEvent) -> None:
        """Take one event as it comes."""
        if self._held is not None:
            self._held.append(event)
            return
        self._keep(event)
        self._on_event(event)

    def _keep(self, event: PlatformEvent) -> None:
        self._last = max(self._last, event.seq)
        line = line_of(event)
        if line is not None:
            self._feeds.append(line)
