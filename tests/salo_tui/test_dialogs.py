"""Dialogs: what they ask and show, which keys mean what, and what they cost on the line."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.pilot import Pilot
from textual.widgets import Input

from db.texts import use_language
from salo_tui.widgets.dialogs import ConfirmBox, ConfirmLine, ConfirmName, LeaveDialog, TextDialog
from salo_tui.widgets.dialogs.choices import Choices
from salo_tui.widgets.dialogs.dialog import listed
from salo_tui.widgets.dialogs.text import LINES_MAX, TextPane, rows_of
from tests.salo_tui.dialog_app import DIALOGS, DialogApp
from tests.salo_tui.snapshots import FOLDER, assert_snapshot, screen_text
from tests.salo_tui.terminal import Terminal
from tests.services import wait_until

APP = "tests.salo_tui.dialog_app"
Scene = Callable[[Pilot[None], DialogApp], Awaitable[None]]


def play(dialog: str, scene: Scene, language: str = "en", size: tuple[int, int] = (80, 24)) -> None:
    """Run a scene in front of an open dialog."""

    async def run() -> None:
        app = DialogApp(dialog)
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            await scene(pilot, app)

    with use_language(language):
        asyncio.run(run())


@pytest.mark.parametrize("language", ["ru", "en"])
@pytest.mark.parametrize("dialog", DIALOGS)
def test_dialog_looks_as_kept(dialog: str, language: str) -> None:
    async def scene(_pilot: Pilot[None], app: DialogApp) -> None:
        assert_snapshot(f"dialog_{dialog}-{language}-80x24", screen_text(app))

    play(dialog, scene, language)


@pytest.mark.parametrize(
    ("dialog", "keys", "answer"),
    [
        *[("line", key, True) for key in ("y", "Y", "д", "Д")],
        *[("line", key, False) for key in ("n", "н", "escape", "enter", "space", "q", "down", "ctrl+c", "f1")],
        *[("box", key, True) for key in ("y", "д", "down enter", "tab enter", "j enter", "up enter")],
        *[("box", key, False) for key in ("n", "н", "escape", "enter", "down up enter", "down down enter")],
        ("name", "m a i n enter", True),
        ("name", "m a x enter backspace i n enter", True),
        ("name", "m a escape", False),
        *[("leave", key, "leave") for key in ("enter", "l", "д")],
        *[("leave", key, "stop") for key in ("S", "Ы", "down enter")],
        *[("leave", key, "stay") for key in ("escape", "up enter", "n", "т")],
        ("leave_stop", "enter", "stop"),
        *[("text", key, None) for key in ("escape", "q", "й")],
    ],
)
def test_keys_answer(dialog: str, keys: str, answer: object) -> None:
    async def scene(pilot: Pilot[None], app: DialogApp) -> None:
        for key in keys.split():
            assert app.answers == []
            await pilot.press(key)
        await pilot.pause()
        assert app.answers == [answer]

    play(dialog, scene)


@pytest.mark.parametrize(
    ("dialog", "keys"),
    [
        ("box", ("q", "space", "x", "l", "ctrl+s")),
        ("leave", ("q", "y", "space", "x", "g", "s")),
        ("name", ("y", "enter", "ctrl+u", "enter", "M", "a", "i", "n", "enter")),
        ("text", ("n", "x", "enter", "space")),
    ],
)
def test_other_keys_answer_nothing(dialog: str, keys: tuple[str, ...]) -> None:
    async def scene(pilot: Pilot[None], app: DialogApp) -> None:
        await pilot.press(*keys)
        await pilot.pause()
        assert app.answers == []

    play(dialog, scene)


def test_wrong_name_is_told() -> None:
    async def scene(pilot: Pilot[None], app: DialogApp) -> None:
        await pilot.press("x", "enter")
        await pilot.pause()
        assert "That is another name; nothing has happened." in screen_text(app)
        assert not app.screen.query_one(Input).cursor_blink

    play("name", scene)


def test_click_on_an_answer_gives_it() -> None:
    async def scene(pilot: Pilot[None], app: DialogApp) -> None:
        await pilot.click(Choices, offset=(6, 1))
        await pilot.pause()
        assert app.answers == ["stop"]

    play("leave", scene)


def test_text_is_scrolled_by_rows_and_pages() -> None:
    async def scene(pilot: Pilot[None], app: DialogApp) -> None:
        for key, place in (
            ("j", "2–21/"), ("k", "1–20/"), ("k", "1–20/"), ("pagedown", "20–39/"), ("pageup", "1–20/"),
            ("G", "45–64/"), ("j", "45–64/"), ("g", "1–20/"), ("ctrl+d", "20–39/"), ("up", "19–38/"),
        ):  # fmt: skip
            await pilot.press(key)
            await pilot.pause()
            assert place in screen_text(app), (key, screen_text(app))
        await pilot.resize_terminal(100, 80)
        await pilot.pause()
        assert "[red]{␛[1m" in screen_text(app), "all of it fits now"
        await pilot.press("y")
        assert app.clipboard == app.screen.query_one(TextPane).text and "copied" in screen_text(app)

    play("text", scene)


def test_every_size_is_survived() -> None:
    async def scene(pilot: Pilot[None], app: DialogApp) -> None:
        for size in ((1, 1), (40, 8), (300, 90)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            assert {strip.cell_length for strip in app.screen._compositor.render_strips()} == {size[0]}

    for dialog in ("line", "many", "name", "text"):
        play(dialog, scene)


@given(st.lists(st.text(alphabet="abёж日本, ", min_size=1, max_size=40), max_size=60), st.integers(2, 9))
def test_list_of_things_fits_and_counts_what_is_left_out(things: list[str], rows: int) -> None:
    with use_language("en"):
        lines = listed(things, 30, rows)
    assert len(lines) <= rows and all(cell_len(line) <= 30 for line in lines)
    if len(things) <= rows:
        assert len(lines) == len(things)


def test_many_things_stand_side_by_side_then_are_counted() -> None:
    names = [f"bot_{number}" for number in range(30)]
    with use_language("en"):
        lines = listed(names, 30, 4)
    named = ", ".join(lines[:-1]).split(", ")
    assert named == names[: len(named)] and lines[-1] == f"and {30 - len(named)} more"


def test_endless_text_is_cut_and_says_so() -> None:
    with use_language("en"):
        rows = list(rows_of("x\n" * (LINES_MAX + 7), 20))
    assert len(rows) == LINES_MAX + 1 and rows[-1] == "… 7 more lines"


def test_every_key_has_an_id_of_its_own() -> None:
    kinds = (ConfirmBox, ConfirmLine, ConfirmName, LeaveDialog, TextDialog, TextPane, Choices)
    ids = [binding.id for kind in kinds for binding in kind.BINDINGS]  # type: ignore[union-attr]
    assert None not in ids and len(set(ids)) == len(ids)


@pytest.mark.parametrize("dialog", ["line", "box", "name"])
def test_open_dialog_sends_nothing(dialog: str) -> None:
    """In sixteen colours it is as readable, and it does not blink."""
    kept = (FOLDER / f"dialog_{dialog}-en-80x24.txt").read_text(encoding="utf-8").removesuffix("\n")
    with Terminal(APP, "--dialog", dialog, "--theme", "ansi-dark", term="xterm-16color") as terminal:
        wait_until(lambda: terminal.text() == kept)
        terminal.settle()
        assert terminal.bytes_in(0.7) == 0
        assert b"\x1b[1" in terminal.tail, "the question is bold"
