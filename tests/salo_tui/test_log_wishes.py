"""What the terminal does for its log panes: files, the clipboard, and words to be typed at the foot of any screen."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from salo_tui.feeds import FeedLog
from salo_tui.linked import TerminalOptions
from salo_tui.saved import save, saved_path
from salo_tui.widgets.prompt import Prompt
from tests.salo_tui.salo_pilot import Desk, noon, run_terminal

NAME = "saved-all-logs-20261122-120000.log"


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with noon(monkeypatch):
        yield


def log_of(desk: Desk) -> FeedLog:
    return desk.app.screen.query(FeedLog).first()


async def begin(desk: Desk, screen: str = "3") -> None:
    """Go to a screen and into its log, when lines are there."""
    await desk.press(screen)
    await desk.until(lambda: desk.app.screen.query(FeedLog))
    log_of(desk).focus()
    await desk.until(lambda: log_of(desk).has_focus)


def test_what_the_filter_shows_is_saved(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        await begin(desk)
        desk.control.publish("log", name="journal", level="info", line="a needle [red]")
        desk.control.publish("log", name="journal", level="info", line="hay")
        await desk.sees("hay")
        await desk.press("ampersand", *"needle", "enter", "ctrl+s")
        await desk.sees("saved ")
        path = tmp_path / "logs" / NAME
        assert path.read_text().splitlines() == log_of(desk).shown_lines()
        assert path.read_text().endswith(" journal a needle [red]\n") and path.read_text().count("\n") == 1
        assert path.stat().st_mode & 0o777 == 0o600
        await desk.sees(f"saved {path}, 1 line")
        before = path.read_bytes()
        await desk.press("ctrl+s")
        await desk.sees("the log was not saved: ")
        assert path.read_bytes() == before, "a file of the same second is not written over"

    run_terminal(tmp_path, steps, size=(200, 60))


def test_read_only_terminal_writes_no_file(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        await begin(desk)
        await desk.press("ctrl+s")
        await desk.sees("this terminal changes nothing; no file was written")
        assert not list((tmp_path / "logs").glob("saved-*"))

    run_terminal(tmp_path, steps, options=TerminalOptions(read_only=True))


def test_demo_saves_where_it_was_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its state directory goes with it."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)

    async def steps(desk: Desk) -> None:
        await begin(desk)
        await desk.until(lambda: log_of(desk).ring.total)
        await desk.press("ctrl+s")
        await desk.sees(f"saved {here / NAME}")
        assert (here / NAME).read_text()

    run_terminal(tmp_path / "home", steps, size=(200, 60), options=TerminalOptions(demo=True))


def test_copied_line_is_told(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        await begin(desk)
        await desk.until(lambda: log_of(desk).ring.total)
        await desk.press("y")
        await desk.sees("copied: ")
        assert desk.app.clipboard == log_of(desk).shown_lines()[-1]

    run_terminal(tmp_path, steps)


@pytest.mark.parametrize(("screen", "source"), [("1", "anna_shop"), ("3", "journal"), ("6", "redis")])
def test_words_are_found_on_every_screen_with_a_log(tmp_path: Path, screen: str, source: str) -> None:
    async def steps(desk: Desk) -> None:
        await begin(desk, screen)
        desk.control.publish("log", name=source, level="warning", line="a needle")
        desk.control.publish("log", name=source, level="warning", line="needle two")
        await desk.sees("needle two")
        await desk.press("slash", *"needle")
        assert desk.app.screen.query_one(Prompt).is_open
        await desk.press("enter")
        await desk.until(lambda: log_of(desk).has_focus and log_of(desk).ring.hits == 2)
        hits = []
        for key in ("n", "N", "n"):
            await desk.press(key)
            hits.append(log_of(desk).reader.hit)
        newest = log_of(desk).ring.shown[-1].number
        assert hits[0] == hits[2] == newest and hits[1] != newest
        await desk.press("slash", "escape")
        await desk.until(lambda: log_of(desk).ring.wanted is None)

    run_terminal(tmp_path, steps)


def test_words_are_found_in_all_panes(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        await begin(desk, "0")
        assert "/ find in all" in desk.text
        await desk.press("slash", *"peer", "enter")
        panes = list(desk.app.screen.query(FeedLog))
        await desk.until(lambda: all(pane.ring.wanted is not None for pane in panes))
        await desk.press("ampersand", *"peer", "enter")
        await desk.until(lambda: sum(pane.ring.sieve.words is not None for pane in panes) == 1)
        assert len(panes) > 1

    run_terminal(tmp_path, steps, size=(100, 30))


def test_key_bar_offers_what_does_something_now(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        def keys() -> str:
            return desk.text.splitlines()[-1]

        await begin(desk)
        await desk.until(lambda: "/ find" in keys())
        assert "G follow" not in keys() and "next hit" not in keys()
        await desk.press("f")
        await desk.until(lambda: "G follow" in keys())
        await desk.press("G")
        await desk.until(lambda: "G follow" not in keys() and log_of(desk).reader.follows)
        await desk.press("slash", *"peer", "enter")
        await desk.until(lambda: "n next hit" in keys())
        await desk.press("question_mark")
        await desk.sees("log.follow")

    run_terminal(tmp_path, steps)


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("anna_shop ● run · 4.1/s", "anna_shop"),
        ("anna_shop, bingo_club", "anna_shop-bingo_club"),
        ("журнал cafe_rose", "журнал-cafe_rose"),
        ("../../etc/passwd", "etc"),
        ("", "log"),
        ("● ·", "log"),
        ("x" * 300, "x" * 40),
    ],
)
def test_file_is_named_after_the_pane(title: str, name: str) -> None:
    assert saved_path(Path("/logs"), title, time.time()) == Path(f"/logs/saved-{name}-20261122-120000.log")


def test_failed_save_leaves_no_half_file(tmp_path: Path) -> None:
    def lines() -> Iterator[str]:
        yield "one"
        raise OSError("no space left")

    path = tmp_path / "saved.log"
    with pytest.raises(OSError, match="no space"):
        save(path, lines())
    assert not path.exists()
