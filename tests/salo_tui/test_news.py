"""Events as log lines, and the first use of a new answer."""

from __future__ import annotations

from typing import Any

from db.protocol import PlatformEvent
from salo_tui.feeds import Feeds
from salo_tui.news import TEXT_MAX, line_of
from salo_tui.taught import TAUGHT_MAX, Taught
from salo_tui.widgets.ring import Level, LogLine


def event(topic: str, **data: Any) -> PlatformEvent:
    return PlatformEvent(1, topic, 1000, data)


def test_an_answered_message_reads_as_what_was_said_and_what_was_replied() -> None:
    line = line_of(event("event", bot="anna", step="done", peer_id=5, text="привет", reply="здравствуй", age_ms=31))
    assert line == LogLine(1000, Level.INFO, "5: «привет» → «здравствуй» 31 ms", "anna")


def test_a_phrase_without_an_answer_stands_out() -> None:
    line = line_of(event("event", bot="anna", step="unsolved", peer_id=5, text="где вы?", age_ms=3))
    assert line is not None and line.level is Level.UNSOLVED and "где вы?" in line.text


def test_a_dead_letter_is_an_error_with_its_reason() -> None:
    line = line_of(event("event", bot="anna", step="buried", peer_id=5, text="x", reason="VK error 901", age_ms=3))
    assert line is not None and line.level is Level.ERROR and "VK error 901" in line.text


def test_hand_outs_are_no_news() -> None:
    assert line_of(event("event", bot="anna", step="handed out", peer_id=5)) is None


def test_a_message_of_many_lines_is_one_short_line() -> None:
    line = line_of(event("event", bot="a", step="unsolved", peer_id=5, text="a\nb " * 500))
    assert line is not None and "\n" not in line.text and len(line.text) < TEXT_MAX + 50


def test_a_log_line_keeps_its_level_and_its_source() -> None:
    line = line_of(event("log", name="zygote", level="warning", line="slow"))
    assert line == LogLine(1000, Level.WARNING, "slow", "zygote")


def test_a_loud_source_pushes_no_line_of_a_quiet_one_out() -> None:
    feeds = Feeds()
    feeds.append(LogLine(0, Level.INFO, "once", "quiet"))
    for number in range(20_000):
        feeds.append(LogLine(number, Level.INFO, str(number), "loud"))
    assert [line.text for line in feeds.of("quiet").since(0)] == ["once"]
    assert len(feeds.all.since(0)) == 5000
    assert [line.text for line in feeds.all.since(19_999)] == ["19998", "19999"]


def test_the_first_use_of_a_new_answer_is_seen_once() -> None:
    taught = Taught()
    taught.add("А доставка когда будет?")
    used = {"step": "done", "text": "Бариста, а доставка  КОГДА будет", "reply": "Завтра"}
    assert not taught.is_used_by({**used, "step": "unsolved", "reply": ""})
    assert taught.is_used_by(used)
    assert not taught.is_used_by(used)


def test_what_was_taught_is_remembered_within_bounds() -> None:
    taught = Taught()
    for number in range(TAUGHT_MAX + 1):
        taught.add(f"фраза {number}")
    assert not taught.is_used_by({"step": "done", "text": "фраза 0", "reply": "x"})
    assert taught.is_used_by({"step": "done", "text": "фраза 1", "reply": "x"})
