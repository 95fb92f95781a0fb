"""The last lines of all logs, kept once for all panes: each takes what came since it last looked."""

from __future__ import annotations

from collections import deque
from itertools import islice

from salo_tui.widgets.ring import LINES_MAX, LogLine
from salo_tui.widgets.ring_log import RingLog

SOURCE_LINES_MAX = 1000  # of one bot or process: a loud one pushes no other out
SOURCES_MAX = 2000


class Feed:
    """The last ``lines_max`` lines, numbered from the first that ever came."""

    def __init__(self, lines_max: int) -> None:
        self.total = 0
        self._lines: deque[LogLine] = deque(maxlen=lines_max)

    def append(self, line: LogLine) -> None:
        self.total += 1
        self._lines.append(line)

    def since(self, seen: int) -> list[LogLine]:
        """Return what came after the first ``seen`` lines, as far as it is kept."""
        missing = min(self.total - seen, len(self._lines))
        return list(islice(self._lines, len(self._lines) - missing, None)) if missing > 0 else []


class Feeds:
    """One feed of everything, and one of each source."""

    def __init__(self) -> None:
        self.all = Feed(LINES_MAX)
        self._of: dict[str, Feed] = {}

    def append(self, line: LogLine) -> None:
        self.all.append(line)
        if line.source:
            self.of(line.source).append(line)

    def of(self, source: str) -> Feed:
        """Return the feed of one bot or process; it need not have said anything yet."""
        feed = self._of.get(source)
        if feed is None:
            while len(self._of) >= SOURCES_MAX:
                del self._of[next(iter(self._of))]
            feed = self._of[source] = Feed(SOURCE_LINES_MAX)
        return feed


class FeedLog(RingLog):
    """A log pane that draws from a feed. Who owns it calls ``catch_up`` when there is news and it can be seen."""

    def __init__(self, title: str = "", *, sources: bool = True, id: str | None = None) -> None:
        super().__init__(title, sources=sources, id=id)
        self._feed: Feed | None = None
        self._seen = 0

    def draw_from(self, feed: Feed) -> None:
        """Show this feed from its first kept line on."""
        if feed is not self._feed:
            self._feed, self._seen = feed, feed.total
            self.clear()
            self.add_old(feed.since(0))
        self.catch_up()

    def catch_up(self) -> None:
        """Take the lines that came since the last time."""
        if self._feed is not None and self._feed.total != self._seen:
            lines, self._seen = self._feed.since(self._seen), self._feed.total
            self.add_all(lines)
