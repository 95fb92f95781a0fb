"""Shown numbers, which change seldom."""

from __future__ import annotations

import os

from hypothesis import given
from hypothesis import strategies as st

from db.protocol import ProcessInfo
from server.snapshots import steady, steady_uptime, worker_infos


@given(st.floats(0, 10**7))
def test_uptime_changes_six_times_in_the_first_minute_and_then_once_a_minute(seconds: float) -> None:
    shown = steady_uptime(seconds)
    step = 10 if seconds < 60 else 60
    assert shown <= seconds < shown + step and shown % step == 0


def test_process_is_shown_in_steps() -> None:
    info = ProcessInfo("redis", "redis", 7, "running", 0, 61.7, 12_900_000)
    assert steady(info) == ProcessInfo("redis", "redis", 7, "running", 0, 60.0, 12 << 20)
    down = ProcessInfo("redis", "redis", None, "failed", 0, None, None, "exited with 1")
    assert steady(down) == down


def test_worker_that_is_gone_is_not_shown() -> None:
    found = worker_infos([os.getpid(), 2**22 - 1])
    assert [(info.kind, info.pid) for info in found] == [("worker", os.getpid())]
    assert found[0].memory and found[0].memory % (1 << 20) == 0
