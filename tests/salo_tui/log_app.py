"""A log pane alone in a terminal, for the tests of what it sends: ``python -m tests.salo_tui.log_app``.

Keys: ``1`` adds a line, ``2`` says that lines were dropped, ``0`` floods it with lines for a while and then shows
in the title what came of it: processor time, the loop's longest gap, and whether the last lines are all there.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from pathlib import Path

from textual.app import App, ComposeResult

from db.texts import use_language
from salo_tui.widgets.lean import send_lean
from salo_tui.widgets.ring import Level, LogLine
from salo_tui.widgets.ring_log import RingLog

NOON_MS = 1_795_348_800_000  # 2026-11-22 12:00 UTC
TEXTS = (
    (Level.INFO, "anna_shop", "peer 2000000017 answered «привет, как дела?» in 31 ms"),
    (Level.INFO, "bingo_club", "[red]not red[/] [@click=app.bell]no link[/] \x1b[31mno escape \u202eno turn\u202c"),
    (Level.UNSOLVED, "bingo_club", "no answer: «а доставка когда будет 🚚»"),
    (Level.WARNING, "cafe_rose", "日本語 and 한국어 and 👨\u200d👩\u200d👧 and ❤\ufe0f stand in their cells"),
    (Level.ERROR, "dogs_spb", "vk error 6 too many requests, retry in 340 ms; й\u0301 е\u0308 combine"),
    (Level.DEBUG, "длинное_имя_бота", "x" * 300 + " the end"),
)


def lines(count: int) -> list[LogLine]:
    """Return some lines of all kinds, the same each time."""
    made = []
    for number in range(count):
        level, source, text = TEXTS[number % len(TEXTS)]
        made.append(LogLine(NOON_MS + number * 37, level, text, source))
    return made


class LogApp(App[None]):
    """One pane of log lines."""

    ENABLE_COMMAND_PALETTE = False

    def __init__(
        self,
        count: int = 0,
        *,
        search: str = "",
        flood_per_s: int = 10_000,
        flood_s: float = 3,
        report: Path | None = None,
    ) -> None:
        super().__init__()
        self.pane = RingLog("Log — all bots", id="log")
        self._count, self._search, self._report = count, search, report
        self._flood_per_s, self._flood_s = flood_per_s, flood_s
        self._flood: asyncio.Task[None] | None = None

    def compose(self) -> ComposeResult:
        yield self.pane

    def on_mount(self) -> None:
        send_lean(self.screen)
        self.pane.add_all(lines(self._count))
        self.pane.search(self._search)
        self.pane.focus()

    def key_1(self) -> None:
        self.pane.add(LogLine(NOON_MS, Level.INFO, f"one more, number {self.pane.ring.total}", "anna_shop"))

    def key_2(self) -> None:
        self.pane.add_dropped(312, NOON_MS)

    def key_0(self) -> None:
        self._flood = asyncio.create_task(self._flood_it())

    async def _flood_it(self) -> None:
        """Add lines in the batches in which a socket brings them, one by one."""
        unit_s = reference_s()
        batch, first, gap = self._flood_per_s // 50, self.pane.ring.total, 0.0
        began, cpu, last = time.monotonic(), time.process_time(), time.monotonic()
        count = 0
        while count < self._flood_per_s * self._flood_s:
            for _turn in range(batch):
                level, source, text = TEXTS[count % 4]
                self.pane.add(LogLine(NOON_MS, level, f"{count} {text}", source))
                count += 1
            await asyncio.sleep(max(0.0, began + count / self._flood_per_s - time.monotonic()))
            gap, last = max(gap, time.monotonic() - last), time.monotonic()
        took = last - began
        kept = [int(record.text.partition(" ")[0]) for record in self.pane.ring.records if record.number >= first]
        found = {
            "per_s": count / took,
            "cpu": (time.process_time() - cpu) / took,
            "cpu_units": (time.process_time() - cpu) / took / ((unit_s + reference_s()) / 2),
            "gap_s": gap,
            "whole": kept == list(range(count - len(kept), count)) and self.pane.ring.total == first + count,
            "kept": len(kept),
        }
        if self._report:
            self._report.write_text(json.dumps(found))
        self.pane.set_title("flood over")


def reference_s() -> float:
    """Return the CPU time of a fixed piece of work like ours: what a busy or slow machine does to it, it does to us."""
    began = time.process_time()
    for round_ in range(100):
        kept = {f"{number} line {round_}": number for number in range(2_000)}
        assert sum(name.count("e") for name in kept) == 2_000
    return (time.process_time() - began) / 5


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--lines", type=int, default=0)
    parser.add_argument("--search", default="")
    parser.add_argument("--flood-per-s", type=int, default=10_000)
    parser.add_argument("--flood-s", type=float, default=3)
    parser.add_argument("--report", type=Path)
    given = parser.parse_args(arguments)
    flood = {"flood_per_s": given.flood_per_s, "flood_s": given.flood_s, "report": given.report}
    with use_language("en"):
        LogApp(given.lines, search=given.search, **flood).run()


if __name__ == "__main__":
    main(sys.argv[1:])
