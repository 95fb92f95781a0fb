"""The table of live rows: in an app without a terminal, and in a real one that counts its bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from textual.pilot import Pilot

from salo_tui.widgets.rows import Row
from tests.salo_tui.snapshots import SIZES, assert_snapshot, screen_text
from tests.salo_tui.table_app import TableApp, row
from tests.salo_tui.terminal import Terminal, TmuxTerminal
from tests.services import wait_until

APP = "tests.salo_tui.table_app"
Steps = Callable[[TableApp, Pilot[Any]], Awaitable[None]]


def run(steps: Steps, *, size: tuple[int, int] = (80, 24), bots: int = 20) -> TableApp:
    """Run the app in memory, take these steps, and return it as it was left."""
    app = TableApp(bots)

    async def live() -> None:
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            await steps(app, pilot)

    asyncio.run(live())
    return app


@pytest.mark.parametrize("size", SIZES)
def test_table_looks_as_kept(size: tuple[int, int]) -> None:
    async def steps(app: TableApp, pilot: Pilot[Any]) -> None:
        app.table.search("бот")
        await pilot.press("j", "space", "space", "k")
        assert_snapshot(f"table_{size[0]}x{size[1]}", screen_text(app))

    run(steps, size=size)


def test_keys_move_the_cursor() -> None:
    async def steps(app: TableApp, pilot: Pilot[Any]) -> None:
        for keys, row_id in [
            ("j", "bot1"), ("down", "bot2"), ("k", "bot1"), ("up", "bot0"), ("up", "bot0"), ("G", "bot99"),
            ("j", "bot99"), ("pageup", "bot77"), ("g", "bot0"), ("pagedown", "bot22"), ("end", "bot99"),
            ("home", "bot0"),
        ]:  # fmt: skip
            await pilot.press(keys)
            assert app.table.cursor_id == row_id, keys
        await pilot.press("enter")

    told = run(steps, bots=100).told
    assert told[0] == ("highlighted", "bot0") and told[1] == ("highlighted", "bot1")
    assert told[-1] == ("selected", "bot0") and told.count(("highlighted", "bot99")) == 2


def test_cursor_stays_on_its_row_when_rows_move() -> None:
    async def steps(app: TableApp, pilot: Pilot[Any]) -> None:
        app.table.move_to("bot7")
        app.table.set_rows(map(row, reversed(range(20))))
        assert app.table.cursor_id == "bot7"
        await pilot.pause()
        line = next(line for line in screen_text(app).splitlines() if line.startswith("▸"))
        assert "очень длинное" in line
        app.table.set_rows(row(number) for number in reversed(range(20)) if number != 7)
        assert app.table.cursor_id == "bot6", "the row that took its place"
        app.table.set_rows([])
        assert app.table.cursor_id is None
        await pilot.press("j", "G", "g", "space", "enter", "pagedown", "n")
        app.table.set_rows([row(3)])
        assert app.table.cursor_id == "bot3"

    run(steps)


def test_marks_stay_on_their_rows_and_go_with_them() -> None:
    async def steps(app: TableApp, pilot: Pilot[Any]) -> None:
        await pilot.press("space", "j", "space")
        assert app.table.marked == {"bot0", "bot2"} and app.table.cursor_id == "bot3"
        app.table.set_rows(map(row, reversed(range(20))))
        assert app.table.marked == {"bot0", "bot2"}
        app.table.set_rows(map(row, range(1, 20)))
        assert app.table.marked == {"bot2"}
        app.table.unmark_all()
        await pilot.pause()

    told = [message for message in run(steps).told if isinstance(message, tuple) and message[0] == "marked"]
    assert [set(marked) for _name, marked in told] == [{"bot0"}, {"bot0", "bot2"}, {"bot2"}, set()]


def test_search_goes_from_hit_to_hit_and_round() -> None:
    async def steps(app: TableApp, pilot: Pilot[Any]) -> None:
        assert app.table.search("привет") == 4
        for key, row_id in [("n", "bot1"), ("n", "bot7"), ("N", "bot1"), ("N", "bot19"), ("n", "bot1")]:
            await pilot.press(key)
            assert app.table.cursor_id == row_id
        assert app.table.search("") == 0 and app.table.search("[red]") == 1

    run(steps)


def test_long_list_comes_by_page_and_only_what_is_looked_at() -> None:
    async def steps(app: TableApp, pilot: Pilot[Any]) -> None:
        app.told.clear()
        app.table.set_length(100_000)
        await pilot.pause()
        await pilot.press("G")
        await pilot.pause()
        assert app.table.cursor_id == "bot99999" and "bot_99999" in screen_text(app)
        wanted = [message for message in app.told if isinstance(message, tuple) and message[0] == "wanted"]
        assert wanted == [("wanted", 0, 100), ("wanted", 99_900, 100)]

    run(steps, bots=0)


def test_page_that_comes_late_shows_its_rows_as_missing() -> None:
    async def steps(app: TableApp, pilot: Pilot[Any]) -> None:
        app.brings_pages = False
        app.table.set_length(300)
        await pilot.pause()
        await pilot.press("j")
        assert screen_text(app).splitlines()[2].startswith("▸ …") and app.table.cursor_id is None
        assert app.told.count(("wanted", 0, 100)) == 1, "asked once"
        app.table.put_page(0, map(row, range(100)))
        assert app.table.cursor_id == "bot1"

    run(steps, bots=0)


def test_mouse_moves_and_opens() -> None:
    async def steps(app: TableApp, pilot: Pilot[Any]) -> None:
        await pilot.click(app.table, offset=(10, 4))
        assert app.table.cursor_id == "bot3"
        await pilot.click(app.table, offset=(10, 4))
        await pilot.click(app.table, offset=(10, 0))
        await pilot.click(app.table, offset=(10, 22))

    assert [message for message in run(steps).told if message == ("selected", "bot3")] == [("selected", "bot3")]


def test_resize_keeps_the_cursor_in_sight() -> None:
    async def steps(app: TableApp, pilot: Pilot[Any]) -> None:
        await pilot.press("G")
        await pilot.resize_terminal(60, 8)
        await pilot.pause()
        assert any(line.startswith("▸") for line in screen_text(app).splitlines())
        await pilot.resize_terminal(60, 30)
        await pilot.pause()
        assert len(screen_text(app).rstrip().splitlines()) == 21, "no gap at the end"

    run(steps)


def test_change_of_a_row_that_is_not_there_says_so() -> None:
    async def steps(app: TableApp, pilot: Pilot[Any]) -> None:
        assert not app.table.change_row(Row("nobody", ("x",))) and app.table.change_row(row(3, 1))

    run(steps)


def test_empty_table_says_why() -> None:
    async def steps(app: TableApp, pilot: Pilot[Any]) -> None:
        def line() -> str:
            return screen_text(app).splitlines()[1].rstrip()

        app.table.set_rows([])
        assert await shown(pilot, line) == ""
        for text in ("ботов ещё нет", "ботов не видно", "пусто " * 20):
            app.table.set_empty(text)
            assert await shown(pilot, line) == f"  {text}"[:79].rstrip() + "…" * (len(text) > 78)
        await pilot.press("j", "space", "enter", "n")
        await pilot.click(app.table, offset=(10, 1))
        assert app.table.cursor_id is None and not app.table.marked
        app.table.set_rows([row(9)])
        assert "bot_9" in await shown(pilot, line)
        app.table.set_length(0)
        app.table.set_empty("")
        assert await shown(pilot, line) == ""

    run(steps)


async def shown(pilot: Pilot[Any], line: Callable[[], str]) -> str:
    await pilot.pause()
    return line()


def test_empty_table_sends_what_it_says_and_nothing_at_rest() -> None:
    with Terminal(APP) as terminal:
        terminal.wait_for("bot_19")
        terminal.settle()
        terminal.press("e")
        terminal.wait_for("  ботов ещё нет 1")
        terminal.settle()
        assert "bot_" not in terminal.text()
        assert terminal.bytes_in(1.0) == 0
        terminal.press("e")
        terminal.wait_for("  ботов ещё нет 2")


def test_idle_table_sends_nothing_and_one_number_few_bytes() -> None:
    """Budgets: idle 0 B/s, one changed number at most 250 B, a moved cursor at most 1.2 kB."""
    with Terminal(APP) as terminal:
        terminal.wait_for("bot_19")
        terminal.settle()
        assert terminal.bytes_in(1.0) == 0
        assert cost(terminal, "c", " 16 ") <= 250
        assert cost(terminal, "j", "▸ кафе") <= 1200


def cost(terminal: Terminal, key: str, shown: str) -> int:
    """Return how many bytes a key costs that makes the screen show something."""
    before = terminal.received
    terminal.press(key)
    terminal.wait_for(shown)
    terminal.settle()
    return terminal.received - before


def test_twenty_bots_each_second_cost_at_most_4_kb() -> None:
    with Terminal(APP) as terminal:
        terminal.wait_for("bot_19")
        terminal.press("t")
        terminal.wait_for("14:02:01")
        assert 2000 < terminal.bytes_in(4.0) <= 4 * 4000


@pytest.mark.parametrize("size", SIZES)
def test_real_terminal_counts_the_same_cells(size: tuple[int, int]) -> None:
    """After changes and moves a real terminal shows what we think it shows, wide characters and all."""
    keys = ["c", "j", "j", "space", "G", "k", "c"]
    shown = {}

    async def steps(app: TableApp, pilot: Pilot[Any]) -> None:
        await pilot.press(*keys)
        shown["ours"] = screen_text(app).rstrip("\n")

    run(steps, size=size)
    with TmuxTerminal(APP, size=size) as tmux, Terminal(APP, size=size) as terminal:
        for real in (tmux, terminal):
            real.wait_for("bot_19")
            real.press(*keys)
            wait_until(lambda real=real: real.text().rstrip("\n") == shown["ours"])  # type: ignore[misc]
