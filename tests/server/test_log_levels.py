"""Levels of lines as our children, Redis and MariaDB write them."""

from __future__ import annotations

import logging

import pytest

from server.log_levels import Levels
from server.platform_log import FORMAT

KNOWN = [
    ("2026-11-22 17:55:33,173 INFO server.callback server started", "info", "server.callback server started"),
    ("2026-11-22 17:55:33,173 DEBUG engine.zygote pid=7 forked", "debug", "engine.zygote pid=7 forked"),
    ("2026-11-22 17:55:33,173 WARNING salo: late", "warning", "salo: late"),
    ("2026-11-22 17:55:33,173 ERROR salo: failed", "error", "salo: failed"),
    ("2026-11-22 17:55:33,173 CRITICAL salo: gone", "error", "salo: gone"),
    ("2026-11-22 17:55:29 0 [Note] InnoDB: Using transactional memory", "info", "InnoDB: Using transactional memory"),
    ("2026-11-22  7:55:31 12 [Warning] Aborted connection", "warning", "Aborted connection"),
    ("2026-11-22 17:55:31 0 [ERROR] Can't start server", "error", "Can't start server"),
    ("18821:M 22 Nov 2026 17:55:31.454 * Running mode=standalone, port=0.", "info", "Running mode=standalone, port=0."),
    ("18821:M 22 Nov 2026 17:55:31.454 # MISCONF Errors writing", "warning", "MISCONF Errors writing"),
    ("18821:C 22 Nov 2026 17:55:31.453 # oO0OoO0OoO0Oo Redis is starting", "info", "oO0OoO0OoO0Oo Redis is starting"),
    ("18821:M 22 Nov 2026 17:55:31.454 - DB 0: 3 keys", "debug", "DB 0: 3 keys"),
    ("Version: '10.11.19-MariaDB'  socket: 'x'", "info", "Version: '10.11.19-MariaDB'  socket: 'x'"),
    ("(7 lines dropped: more than 500 in a second)", "warning", "(7 lines dropped: more than 500 in a second)"),
    ("", "info", ""),
]  # fmt: skip


@pytest.mark.parametrize(("line", "level", "text"), KNOWN)
def test_line_has_the_level_it_was_written_with(line: str, level: str, text: str) -> None:
    assert Levels().told("x", line) == {"name": "x", "level": level, "line": text}


def test_traceback_is_an_error_to_its_end_and_no_further() -> None:
    levels = Levels()
    lines = ["Traceback (most recent call last):", '  File "x.py", line 1', "    1 / 0", "ZeroDivisionError: division"]
    assert [levels.told("zygote", line)["level"] for line in lines] == ["error"] * 4
    assert levels.told("journal", "  indented")["level"] == "info"
    assert levels.told("zygote", "said later")["level"] == "info"
    levels.told("zygote", lines[0])
    assert levels.told("zygote", "2026-11-22 17:55:33,173 INFO a b")["level"] == "info"
    assert levels.told("zygote", "  said later")["level"] == "info"


def test_programs_that_end_within_a_traceback_are_forgotten() -> None:
    levels = Levels()
    for number in range(1000):
        levels.told(f"worker {number}", "Traceback (most recent call last):")
    assert len(levels._open) <= 100


def test_own_format_is_understood() -> None:
    line = logging.Formatter(FORMAT).format(logging.LogRecord("salo", logging.WARNING, "", 1, "a %d", (5,), None))
    assert Levels().told("platform", line) == {"name": "platform", "level": "warning", "line": "salo: a 5"}
