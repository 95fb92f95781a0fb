"""The platform's own log: a bounded file, lines for the subscribers, and never an error for whoever logs."""

from __future__ import annotations

import asyncio
import logging
import threading
from pathlib import Path

from db.settings import PlatformSettings, Settings
from server.logs import LINES_PER_S
from server.platform_log import PlatformLog

log = logging.getLogger("tests.platform_log")
log.setLevel(logging.DEBUG)


def settings_of(tmp_path: Path) -> Settings:
    settings = Settings(home=tmp_path, platform=PlatformSettings(log_file_mb=1, log_files=2))
    settings.state.prepare()
    return settings


def in_file(settings: Settings) -> str:
    return (settings.state.logs / "platform.log").read_text()


def test_records_of_any_thread_come_to_the_file_and_to_the_loop(tmp_path: Path) -> None:
    settings, told = settings_of(tmp_path), []
    own = threading.get_ident()

    async def live() -> None:
        own_log.tell(lambda name, line: told.append((name, line, threading.get_ident())))
        log.info("from the loop said=%s", "привет")
        await asyncio.to_thread(log.warning, "from a thread")
        await asyncio.sleep(0.05)
        own_log.tell(None)
        log.info("nobody is told of this")

    with PlatformLog(settings) as own_log:
        log.info("before the loop")
        asyncio.run(live())
        log.info("after the loop")
    log.info("after all")
    assert [(name, line.split(" ", 2)[2]) for name, line, _thread in told] == [
        ("platform", "INFO tests.platform_log: from the loop said=привет"),
        ("platform", "WARNING tests.platform_log: from a thread"),
    ]
    assert all(thread == own for _name, _line, thread in told)
    text = in_file(settings)
    assert all(part in text for part in ("before the loop", "said=привет", "nobody is told", "after the loop"))
    assert "after all" not in text and text.count("\n") == 5
    assert (settings.state.logs / "platform.log").stat().st_mode & 0o777 == 0o600


def test_traceback_comes_line_by_line_without_what_would_move_a_cursor(tmp_path: Path) -> None:
    told: list[str] = []

    async def live() -> None:
        own_log.tell(lambda name, line: told.append(line))
        try:
            raise ValueError("bad \x1b[31m text \ud800")
        except ValueError:
            log.exception("failed")
        await asyncio.sleep(0.05)

    with PlatformLog(settings_of(tmp_path)) as own_log:
        asyncio.run(live())
    assert told[0].endswith("failed") and told[1].startswith("Traceback") and told[-1].startswith("ValueError: bad")
    assert not any("\x1b" in line or "\n" in line or "\ud800" in line for line in told)


def test_telling_that_logs_comes_to_an_end_and_telling_that_fails_hurts_nobody(tmp_path: Path) -> None:
    settings, told = settings_of(tmp_path), []

    async def live() -> None:
        def tell(name: str, line: str) -> None:
            told.append(line)
            log.warning("told again")

        own_log.tell(tell)
        log.info("first")
        await asyncio.sleep(0.05)

    with PlatformLog(settings) as own_log:
        asyncio.run(live())
        log.info("the loop is closed, and nobody said so")
        own_log.handle(logging.LogRecord("x", logging.INFO, "", 1, "%d", ("not a number",), None))
    assert len(told) == 1 and in_file(settings).count("told again") == 1
    assert "nobody said so" in in_file(settings)


def test_flood_is_cut(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    with PlatformLog(settings):
        for number in range(10 * LINES_PER_S):
            log.info("%d", number)
    assert in_file(settings).count("\n") < 5 * LINES_PER_S
    assert "lines dropped" in in_file(settings)


def test_what_was_typed_begins_no_record_of_its_own(tmp_path: Path) -> None:
    told: list[str] = []
    forged = "2026-11-28 02:00:00,000 ERROR salo: forged"

    async def live() -> None:
        own_log.tell(lambda name, line: told.append(line))
        log.warning("command ran line=%s who=%s", f"unsolved answer main/1 'a\n{forged}\r\x1b[2J\u2028'", "anna")
        await asyncio.sleep(0.05)

    with PlatformLog(settings_of(tmp_path)) as own_log:
        asyncio.run(live())
    assert len(told) == 1 and told[0].endswith(rf"'a\n{forged}\r\x1b[2J\u2028' who=anna")
