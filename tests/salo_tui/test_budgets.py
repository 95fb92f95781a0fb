"""What the whole terminal sends down a slow line, and whether a flood of log lines stops it. In a real pty."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.salo_tui.fake_process import fake_process
from tests.salo_tui.terminal import Terminal
from tests.services import wait_until

ATTACH = "tests.salo_tui.attach_app"
SCREENS = {"bots": ("", "anna_shop"), "bot": ("enter", "Bots ▸ anna_shop"), "logs": ("3", "all logs"),
           "unsolved": ("4", "PHRASE"), "tickers": ("5", "storage_health"), "processes": ("6", "zygote"),
           "dead": ("9", "Dead letters"), "panes": ("0", "1–6 of 20")}  # fmt: skip
FLOOD_PER_S, FLOOD_S = 10_000, 3
FROZEN_S = 4.0  # as long as the stock log widget stood still under such a flood; ours takes some 50 ms


@contextmanager
def attached(home: Path, size: tuple[int, int] = (80, 24)) -> Iterator[tuple[Terminal, Callable[..., Any]]]:
    """Attach a terminal to a platform of tests, and let it come to rest."""
    with fake_process(home) as order, Terminal(ATTACH, str(home), size=size) as terminal:
        terminal.wait_for("tango_spb" if size[1] >= 40 else "jam_bar")
        terminal.settle(1.5)
        yield terminal, order


def test_a_screen_at_rest_sends_nothing(tmp_path: Path) -> None:
    with attached(tmp_path) as (terminal, _order):
        for name, (key, sign) in SCREENS.items():
            if key:
                terminal.press(key)
            terminal.wait_for(sign)
            terminal.settle(1.2)
            assert terminal.bytes_in(1.0) == 0, name
            if name == "bot":
                terminal.press("escape")
                wait_until(lambda: sign not in terminal.text())  # noqa: B023


@pytest.mark.parametrize("size", [(80, 24), (200, 60)], ids=str)
def test_one_changed_number_costs_at_most_250_bytes(size: tuple[int, int], tmp_path: Path) -> None:
    with attached(tmp_path, size) as (terminal, order):
        before = terminal.received
        order("change", bot="cafe_rose", waiting=987)
        terminal.wait_for("987")
        terminal.settle(1.5)
        print(terminal.received - before)
        assert 0 < terminal.received - before <= 250


def test_twenty_bots_that_change_each_second_cost_at_most_4_kB_a_second(tmp_path: Path) -> None:
    with attached(tmp_path) as (terminal, order):
        order("tick", hz=1)
        began, before = time.monotonic(), terminal.received
        terminal.bytes_in(3.0)
        rate = (terminal.received - before) / (time.monotonic() - began)
        print(rate)
        assert 0 < rate <= 4_000


def test_a_flood_of_lines_loses_none_of_the_last_5000_and_freezes_no_key(tmp_path: Path) -> None:
    with attached(tmp_path) as (terminal, order):
        terminal.press("3")
        terminal.wait_for("all logs")
        flood = threading.Thread(target=lambda: order("flood", per_s=FLOOD_PER_S, s=FLOOD_S))
        flood.start()
        slowest = 0.0
        for turn in range(6):
            text = f"abc{turn}"
            terminal.press(":")
            began = time.monotonic()
            terminal.press(text)
            terminal.wait_for(f": {text}", timeout_s=15)
            slowest = max(slowest, time.monotonic() - began)
            terminal.press("escape")
            wait_until(lambda: f": {text}" not in terminal.text(), timeout_s=15)  # noqa: B023
        flood.join()
        print("slowest key", slowest)
        assert slowest < FROZEN_S
        last = FLOOD_PER_S * FLOOD_S - 1
        terminal.wait_for(f"line {last} ")
        terminal.press("ctrl+s")
        terminal.wait_for("saved ")  # the file is there before all of it is
        saved = next((tmp_path / "logs").glob("saved-*.log")).read_text(encoding="utf-8")
        numbers = [int(number) for number in re.findall(r"line (\d+) \[red\]", saved)]
        assert numbers == list(range(last - 4999, last + 1))
