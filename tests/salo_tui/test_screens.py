"""Every screen as it is drawn, in three sizes, and what its keys do. Unsolved phrases have a file of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from db.texts import use_language
from salo_tui.linked import TerminalOptions
from salo_tui.screens.panes import columns_for, panes_that_fit
from salo_tui.widgets.span_table import SpanTable
from tests.salo_tui.fake_data import fake_data
from tests.salo_tui.salo_pilot import Desk, Steps, noon, run_terminal
from tests.salo_tui.snapshots import SIZES, assert_snapshot

RU = {
    "bots": ((), "anna_shop"),
    "bot": (("enter",), "▸ Боты ▸ anna_shop"),
    "panes": (("0",), "Панели"),
    "logs": (("3",), "все логи"),
    "processes": (("6",), "zygote"),
    "tickers": (("5",), "storage_health"),
    "help": (("question_mark",), "Справка"),
}


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with noon(monkeypatch):
        yield


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", RU)
def test_screen_looks_as_it_did(name: str, size: tuple[int, int], tmp_path: Path) -> None:
    keys, sign = RU[name]

    async def steps(desk: Desk) -> None:
        await desk.press(*keys)
        await desk.sees(sign)
        await desk.until(lambda: "«привет" in desk.text or name in ("processes", "tickers", "help"))
        assert_snapshot(f"screen_{name}-{size[0]}x{size[1]}", desk.text.replace(str(tmp_path), "HOME"))

    run_terminal(tmp_path, steps, size=size, language="ru")


def english(home: Path, steps: Steps, size: tuple[int, int] = (80, 24), **options: bool) -> None:
    with use_language("en"):
        run_terminal(home, steps, size=size, options=TerminalOptions(**options))


def test_stop_asks_first_and_shows_its_line(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        await desk.press("S")
        await desk.sees("salo bot disable anna_shop")
        assert "messages wait in its inbox" in " ".join(desk.text.split())
        assert not desk.control.commands
        await desk.press("n")
        await desk.until(lambda: "y/N" not in desk.text)
        assert not desk.control.commands
        await desk.press("S")
        await desk.sees("y/N")
        await desk.press("y")
        await desk.sees("✓")
        assert desk.control.commands == ["bot disable anna_shop"]
        assert "salo bot disable anna_shop" in desk.text

    english(tmp_path, steps)


def test_marked_bots_are_asked_about_together(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        await desk.press("space", "space", "S")
        await desk.sees("salo bot disable bingo_club")
        assert "salo bot disable anna_shop" in desk.text
        await desk.press("enter")  # the focus is on no
        await desk.until(lambda: "Run these" not in desk.text)
        assert not desk.control.commands

    english(tmp_path, steps)


def test_starting_a_bot_needs_no_question(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        await desk.press("s")
        await desk.until(lambda: desk.control.commands)
        assert desk.control.commands == ["bot enable anna_shop"]

    english(tmp_path, steps)


def test_read_only_terminal_sends_its_wish_as_read_only(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        await desk.press("S")
        await desk.until(lambda: desk.control.asked)
        assert desk.control.asked[0]["read_only"] is True

    english(tmp_path, steps, read_only=True)


def test_colon_completes_and_runs(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        await desk.press("colon", *"bot en", "tab", "space", *"cafe", "tab")
        await desk.sees(": bot enable cafe_rose")
        await desk.press("enter")
        await desk.until(lambda: desk.control.commands)
        assert desk.control.commands == ["bot enable cafe_rose"]
        await desk.press("colon", "up")
        await desk.sees(": bot enable cafe_rose")
        await desk.press("escape")
        await desk.until(lambda: ": bot enable" not in desk.text)

    english(tmp_path, steps)


def test_destructive_command_wants_its_name_typed(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        await desk.press("colon", *"bot remove cafe_rose", "enter")
        await desk.sees("Type cafe_rose")
        await desk.press(*"cafe", "enter")
        await desk.pilot.pause()
        assert not desk.control.commands
        await desk.press(*"_rose", "enter")
        await desk.until(lambda: desk.control.commands)
        assert desk.control.commands == ["bot remove cafe_rose"]

    english(tmp_path, steps)


def test_a_sign_before_a_command_skips_no_question(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        await desk.press("colon", *"/stop", "enter")
        await desk.sees("Type stop and press enter")
        assert not desk.control.commands

    english(tmp_path, steps)


def test_a_token_that_is_typed_is_shown_nowhere(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        await desk.press("colon", *"bot token anna_shop -token vk1.a.SECRET", "enter")
        await desk.sees("***")
        assert "SECRET" not in desk.text
        await desk.press("y")
        await desk.until(lambda: desk.control.commands)
        assert desk.control.commands == ["bot token anna_shop -token vk1.a.SECRET"]
        await desk.press("colon", "up")
        await desk.pilot.pause()
        assert "SECRET" not in desk.text

    english(tmp_path, steps)


def test_a_theme_that_there_is_not_opens_the_terminal_all_the_same(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        await desk.press("colon", *"theme nord2", "enter")
        await desk.sees("there is no theme nord2")
        desk.app._take_theme("nord2")
        await desk.sees("there is no theme nord2; :theme completes")

    english(tmp_path, steps)


def test_what_is_typed_right_behind_a_slash_is_no_key(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        for key in ("slash", "s", "u"):  # in one go, as a pasted text comes
            desk.app.simulate_key(key)
        await desk.sees("/ su")
        assert not desk.control.commands

    english(tmp_path, steps)


def test_letters_in_the_prompt_switch_no_screen(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        await desk.press("colon", *"q3?", "escape")
        await desk.until(lambda: "q3?" not in desk.text)
        assert desk.app.screen.crumbs() == ["Bots"]  # type: ignore[attr-defined]

    english(tmp_path, steps)


def test_unknown_theme_says_what_there_is(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        await desk.press("colon", *"theme plaid", "enter")
        await desk.sees("there is no theme plaid")
        await desk.press("colon", *"theme ansi-dark", "enter")
        await desk.until(lambda: desk.app.theme == "ansi-dark")

    english(tmp_path, steps)


def test_search_marks_and_jumps_in_the_list(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        await desk.press("slash", *"elka", "enter", "n")
        await desk.until(lambda: desk.app.screen.query_one(SpanTable).cursor_id == "elka_info")

    english(tmp_path, steps)


def test_log_of_the_bot_under_the_cursor_opens_whole(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        await desk.press("down", "l")
        await desk.sees("▸ Logs")
        await desk.until(lambda: "┌─ bingo_club" in desk.text)
        assert "anna_shop" not in desk.text
        await desk.press("b")
        await desk.sees("all logs")
        assert "anna_shop" in desk.text

    english(tmp_path, steps)


def test_processes_shows_the_hosts_that_share_the_bots_and_which_is_gone(tmp_path: Path) -> None:
    data = fake_data(home=str(tmp_path))
    named = [("spb-1-0a1b", 0, True), ("spb-2-4e5f", 0, False), ("spb-3-8c9d", 300_000, False)]
    data.facts["hosts"] = [
        {"name": name, "lanes": 7, "gone_ms": gone_ms, "is_own": is_own} for name, gone_ms, is_own in named
    ]

    async def steps(desk: Desk) -> None:
        await desk.press("6")
        await desk.sees("spb-3")
        own, other, gone = (line for line in desk.text.splitlines() if "@spb-" in line)
        assert "● runs" in own and "bots: 7, this host" in own
        assert "● runs" in other and "bots: 7" in other and "this host" not in other
        assert "○ gone" in gone and "gone for 5 min" in gone
        await desk.press("G", "r")  # another host is not restarted from here
        await desk.press("g", "r")
        await desk.sees("salo restart redis")

    with use_language("en"):
        run_terminal(tmp_path, steps, size=(100, 40), data=data)


def test_restart_names_the_process(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        await desk.press("6")
        await desk.sees("zygote")
        await desk.press("down", "r")
        await desk.sees("salo restart mariadb")
        await desk.press("y")
        await desk.until(lambda: desk.control.commands)
        assert desk.control.commands == ["restart mariadb"]

    english(tmp_path, steps)


def test_ticker_is_run_and_paused_by_name_and_bot(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        await desk.press("5")
        await desk.sees("storage_health")
        await desk.press("down", "p")
        await desk.sees("is watched no")
        await desk.press("y")
        await desk.until(lambda: desk.control.commands)
        assert desk.control.commands == ["ticker pause bot_health anna_shop"]

    english(tmp_path, steps)


def test_a_changed_number_reaches_the_screen(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        desk.control.data.change_bot("anna_shop", waiting=4444)
        await desk.sees("4444")

    english(tmp_path, steps)


def test_keys_work_on_a_russian_layout(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        await desk.press("Ж", *"ф")  # a colon there; what is typed after it stays Russian
        await desk.sees(": ф")
        await desk.press("escape", "ы")
        await desk.until(lambda: desk.control.commands)
        assert desk.control.commands == ["bot enable anna_shop"]

    english(tmp_path, steps)


def test_a_lost_platform_is_told_and_what_is_old_is_called_so(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        desk.control.close_door()
        await desk.sees("no platform")
        assert "what is shown is from before" in desk.text
        assert "unslvd" not in desk.text

    english(tmp_path, steps)


def test_the_question_at_leaving_is_there_before_the_next_key(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        for key in ("q", "S", "4"):  # in one go; what comes after the answer is no key any more
            desk.app.simulate_key(key)
        await desk.until(lambda: desk.app._exit)
        assert desk.control.commands == ["stop"]
        assert desk.app.return_value == "stop"

    english(tmp_path, steps)


def test_a_small_s_stops_nothing_at_leaving(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        await desk.press("q")
        await desk.sees("stop all")
        await desk.press("s")
        await desk.pilot.pause()
        assert "stop all" in desk.text
        assert not desk.control.commands

    english(tmp_path, steps)


def test_an_ephemeral_terminal_offers_no_platform_that_outlives_it(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        await desk.press("q")
        await desk.sees("stop all")
        assert "leave all running" not in desk.text

    english(tmp_path, steps, ephemeral=True)


def test_unknown_command_is_told_with_the_nearest_one(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        await desk.press("colon", *"bot disabel anna_shop", "enter")
        await desk.sees("did you mean bot disable?")
        assert not desk.control.commands

    english(tmp_path, steps)


def test_terminal_that_only_looks_says_so(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        await desk.sees("only looks")

    english(tmp_path, steps, read_only=True)


def test_escape_leads_out_of_everything(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        await desk.press("enter")
        await desk.sees("Bots ▸ anna_shop")
        await desk.press("question_mark")
        await desk.sees("Help")
        await desk.press("escape", "escape")
        await desk.until(lambda: "Bots ▸ anna_shop" not in desk.text and "Help" not in desk.text)

    english(tmp_path, steps)


def test_ctrl_c_stops_nothing_and_says_so(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        await desk.press("ctrl+c")
        await desk.sees("Ctrl-C stops nothing here")
        assert not desk.control.commands

    english(tmp_path, steps)


def test_panes_page_through_the_bots_that_do_not_fit(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        await desk.press("0")
        await desk.sees("1–6 of 20")
        await desk.press("right_square_bracket")
        await desk.sees("┌─ gym_north")
        await desk.press("left_square_bracket")
        await desk.sees("┌─ anna_shop")

    english(tmp_path, steps)


def test_panes_show_the_marked_bots_alone(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        await desk.press("down", "space", "space", "p")
        await desk.sees("┌─ cafe_rose")
        assert "┌─ bingo_club" in desk.text
        assert "┌─ anna_shop" not in desk.text

    english(tmp_path, steps)


@pytest.mark.parametrize(
    ("count", "width", "height", "columns"), [(1, 80, 20, 1), (3, 80, 20, 1), (6, 80, 20, 2), (20, 200, 56, 3)]
)
def test_panes_get_as_few_columns_as_leave_them_lines(count: int, width: int, height: int, columns: int) -> None:
    assert columns_for(count, width, height) == columns


def test_no_more_panes_than_can_be_read() -> None:
    assert panes_that_fit(80, 20) == 6
    assert panes_that_fit(20, 3) == 1


def test_stop_in_a_demo_ends_the_demo_and_no_platform_is_started(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        desk.control.close_door()
        await desk.sees("no platform")
        assert not desk.app.check_action("revive", ())
        await desk.press("colon", *"/stop", "enter")
        await desk.until(lambda: desk.app._exit)
        assert desk.app.return_value == "leave"
        assert not desk.control.commands

    english(tmp_path, steps, demo=True)
