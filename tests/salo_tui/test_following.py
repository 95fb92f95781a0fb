"""The feeds over links that come and go: nothing is missing, nothing stands twice, all in order."""

from __future__ import annotations

from db.protocol import PlatformEvent
from salo_tui.feeds import Feeds
from salo_tui.following import Following


def line(seq: int) -> PlatformEvent:
    return PlatformEvent(seq, "log", seq, {"name": "journal", "level": "info", "line": str(seq)})


def said(feeds: Feeds) -> list[int]:
    return [int(item.text) for item in feeds.all.since(0)]


def test_events_that_come_before_their_history_wait_for_it() -> None:
    feeds, news = Feeds(), []
    following = Following(feeds, lambda event: news.append(event.seq))
    following.begin(pid=1)
    following.take(line(4))
    following.take(line(5))
    assert said(feeds) == []
    following.put_history([line(1), line(2), line(3), line(4)])
    following.take(line(6))
    assert said(feeds) == [1, 2, 3, 4, 5, 6]
    assert news == [5, 6], "what was before is no news"


def test_a_link_that_was_lost_loses_nothing_that_the_platform_still_knows() -> None:
    feeds = Feeds()
    following = Following(feeds, lambda event: None)
    following.begin(pid=1)
    following.put_history([line(1), line(2)])
    following.begin(pid=1)
    following.take(line(6))
    following.put_history([line(1), line(2), line(3), line(4), line(5)])
    assert said(feeds) == [1, 2, 3, 4, 5, 6]


def test_another_platform_counts_anew() -> None:
    feeds = Feeds()
    following = Following(feeds, lambda event: None)
    following.begin(pid=1)
    following.put_history([line(7)])
    following.begin(pid=2)
    following.put_history([line(1), line(2)])
    assert said(feeds) == [7, 1, 2]
