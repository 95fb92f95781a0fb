"""The screen of unsolved phrases: what it shows, and what becomes of an answer that is typed in it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.protocol import CommandResult
from engine.commands.registry import registry
from salo_tui.linked import TerminalOptions
from salo_tui.phrases import Draft, Phrase, answer_line
from salo_tui.screens.unsolved import UnsolvedScreen
from salo_tui.widgets import phrase_table
from salo_tui.widgets.answer_editor import AnswerEditor
from salo_tui.widgets.dialogs import TextDialog
from salo_tui.widgets.draft_area import harmless
from salo_tui.widgets.phrase_table import PhraseTable
from tests.salo_tui.fake_data import NAMES, fake_data
from tests.salo_tui.salo_pilot import Desk, noon, run_terminal
from tests.salo_tui.snapshots import SIZES, assert_snapshot


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with noon(monkeypatch):
        yield


def table(desk: Desk) -> PhraseTable:
    return desk.app.screen.query_one(PhraseTable)


def editor(desk: Desk) -> AnswerEditor:
    return desk.app.screen.query_one(AnswerEditor)


async def begin(desk: Desk, keys: str = "") -> None:
    """Go to the screen; with keys press them when its list is there."""
    await desk.press("4")
    await desk.until(lambda: isinstance(desk.app.screen, UnsolvedScreen) and table(desk).cursor_id)
    await desk.press(*keys.split())


async def edit(desk: Desk, keys: str = "") -> None:
    """Open the editor for the phrase under the cursor, and wait for what is known of it."""
    await desk.press("enter")
    await desk.sees("0.83")
    await desk.press(*keys.split())


def typed(desk: Desk) -> list[str]:
    """Return the commands that would change something."""
    return [line for line in desk.control.commands if not line.startswith(("unsolved list", "unsolved show"))]


# How it looks.


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_screen_looks_as_kept(tmp_path: Path, size: tuple[int, int]) -> None:
    async def steps(desk: Desk) -> None:
        await begin(desk, "j j space")
        assert_snapshot(f"unsolved-{size[0]}x{size[1]}", desk.text)
        await edit(desk, "f2")
        editor(desk).put("Да, {user_name},\n[b]можно[/b] 🐕 без поводка, если собака маленькая и никого не боится")
        await desk.sees("→ Да, Анна Иванова,")
        assert_snapshot(f"unsolved-editor-{size[0]}x{size[1]}", desk.text)

    run_terminal(tmp_path, steps, size=size, language="ru", data=fake_data(home="/srv/salo"))


def test_what_people_wrote_is_shown_literally(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        await begin(desk)
        for shown in (
            "[red]не красное[/] [@click=app.bell]",
            "␛[31mне цвет␛[0m ‹202e›назад‹202c›",
            "価格",
            "строка␊вторая",
        ):
            assert shown in desk.text
        await desk.press(*["j"] * 6)
        await edit(desk)
        assert desk.text.count("␛[31mне цвет␛[0m ‹202e›назад‹202c›") == 2
        assert "[b]сколько[/] ждать" in desk.text and "␛[2Jдоставка ‹202e›пицы" in desk.text
        assert "\x1b" not in desk.text and "\u202e" not in desk.text

    run_terminal(tmp_path, steps)


# An answer.


def test_answer_is_saved_and_the_next_phrase_opens(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        await begin(desk)
        await edit(desk, "Y e s ctrl+s")
        await desk.until(lambda: (phrase := editor(desk).phrase) is not None and phrase.id == "main/880")
        assert typed(desk) == ["unsolved answer main/881 Yes"]
        assert table(desk).cursor_id == "main/880" and "а доставка когда будет\n" not in desk.text
        assert editor(desk).draft == Draft() and "salo unsolved answer main/881 Yes" in desk.text
        await desk.press("N", "o", "f2", "ctrl+s")
        await desk.until(lambda: len(typed(desk)) == 2)
        assert typed(desk)[-1] == "unsolved answer main/880 No -own"
        await desk.sees("35 open")

    run_terminal(tmp_path, steps, size=(200, 30))


def test_phrases_that_come_meanwhile_do_not_change_which_is_the_next(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        def more(params: dict[str, Any]) -> None:
            if params["line"].startswith("unsolved answer"):
                first = desk.control.data.unsolved[0]
                desk.control.data.unsolved[:0] = [{**first, "id": f"main/{number}"} for number in (902, 901, 900)]

        await begin(desk, "j")
        await edit(desk, "Y")
        desk.control.before = more
        await desk.press("ctrl+s")
        await desk.until(lambda: (phrase := editor(desk).phrase) is not None and phrase.id == "main/879")

    run_terminal(tmp_path, steps)


def test_last_answer_closes_the_editor(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        await begin(desk)
        await edit(desk, "o k ctrl+s")
        await desk.until(lambda: not editor(desk).display)
        assert desk.app.focused is table(desk) and table(desk).row_count == 0

    run_terminal(tmp_path, steps, data=fake_data(unsolved=1))


def test_refused_answer_says_why_and_keeps_the_draft(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        await begin(desk)
        await edit(desk)
        desk.control.data.unsolved[0].update(status="answered", editor="vk:17", answer="[b]Завтра[/b]")
        await desk.press("Y", "o", "ctrl+s")
        await desk.sees("✗ phrase main/881 is answered already, by vk:17: «[b]Завтра[/b]»")
        assert editor(desk).draft.text == "Yo" and editor(desk).phrase is not None
        await desk.press("u")
        await desk.until(lambda: "✗ phrase" not in desk.text.splitlines()[19])

    run_terminal(tmp_path, steps)


def test_empty_answer_is_not_sent(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        await begin(desk)
        await edit(desk, "space ctrl+s")
        await desk.sees("✗ the answer is empty")
        assert typed(desk) == []

    run_terminal(tmp_path, steps)


def test_draft_survives_moving_around(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        await begin(desk)
        await edit(desk, "H i f2 escape")
        await desk.sees("✎ а доставка")
        assert not editor(desk).display and desk.app.focused is table(desk)
        await desk.press("j", "enter", "y", "escape", "5")
        await begin(desk, "k enter")
        await desk.until(lambda: editor(desk).draft == Draft("Hi", own=True))
        await desk.press("escape", "j", "enter")
        await desk.until(lambda: editor(desk).draft == Draft("y"))
        assert typed(desk) == []

    run_terminal(tmp_path, steps)


def test_letters_typed_in_the_editor_are_text_and_no_commands(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        await begin(desk)
        await edit(desk, "x z f b q 1 colon question_mark")
        assert editor(desk).draft.text == "xzfbq1:?" and isinstance(desk.app.screen, UnsolvedScreen)
        assert typed(desk) == [] and table(desk).status == "open"

    run_terminal(tmp_path, steps)


def test_read_only_terminal_gets_the_refusal_into_the_editor(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        await begin(desk)
        await edit(desk, "Y")
        desk.app.read_only = True
        await desk.press("ctrl+s")
        await desk.sees("✗ read-only")
        assert desk.control.data.unsolved[0]["status"] == "open" and editor(desk).draft.text == "Y"

    run_terminal(tmp_path, steps)


def test_read_only_terminal_refuses_before_an_answer_is_written(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        await begin(desk)
        await desk.press("enter")
        await desk.until(lambda: isinstance(desk.app.screen, TextDialog))
        await desk.press("escape")
        await desk.sees("this terminal changes nothing: no answer")
        assert editor(desk).phrase is None

    run_terminal(tmp_path, steps, options=TerminalOptions(read_only=True))


def test_editor_counts_on_while_an_answer_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phrase_table, "TURN_S", 0.1)

    async def steps(desk: Desk) -> None:
        await begin(desk)
        await edit(desk, "Y")
        first = desk.control.data.unsolved[0]
        first["times"] = 777
        await desk.sees("asked 777×")
        await desk.until(lambda: editor(desk).draft.text == "Y")

    run_terminal(tmp_path, steps)


def test_pasted_controls_do_not_reach_the_screen() -> None:
    assert harmless("a\x1b[2J\r\nb\tc\u202ed\u2028\x9b") == "a[2J\nb   cd"
    family = "👩\u200d👩\u200d👧"
    assert harmless(family) == family


_WORDS = st.text(alphabet=st.characters(exclude_categories=["Cs"]) | st.sampled_from("\"'«»“”\\- \n—/@"), min_size=1)


@given(_WORDS.filter(str.strip), st.booleans())
def test_any_answer_arrives_as_it_was_typed(text: str, own: bool) -> None:
    phrase = Phrase("main/12", "main", "anna", "да?", 1, 0, 0, "open")
    found = registry().find(answer_line(phrase, Draft(text, own)))
    arguments = found.arguments()
    assert (found.declaration.name, arguments["id"], arguments["own"]) == ("unsolved answer", "main/12", own)
    assert arguments["text"] == text


# The list.


def test_reject_asks_first_and_undo_brings_back(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        await begin(desk, "j x")
        await desk.sees("y/N")
        await desk.press("n")
        await desk.until(lambda: isinstance(desk.app.screen, UnsolvedScreen))
        assert typed(desk) == []
        await desk.press("x")
        await desk.sees("y/N")
        await desk.press("y")
        await desk.until(lambda: table(desk).row_count == 36)
        assert typed(desk) == ["unsolved reject main/880"] and table(desk).cursor_id == "main/879"
        await desk.press("z")
        await desk.until(lambda: table(desk).cursor_id == "main/880")
        assert typed(desk)[-1] == "unsolved reopen main/880" and table(desk).row_count == 37
        await desk.press("z")
        await desk.sees("nothing was answered")
        assert len(typed(desk)) == 2

    run_terminal(tmp_path, steps)


def test_undone_answer_is_a_draft_again(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        await begin(desk)
        await edit(desk, "Y f2 ctrl+s")
        await desk.until(lambda: len(typed(desk)) == 1 and editor(desk).phrase)
        await desk.press("escape", "z")
        await desk.until(lambda: table(desk).cursor_id == "main/881")
        await desk.press("enter")
        await desk.until(lambda: editor(desk).draft == Draft("Y", own=True))

    run_terminal(tmp_path, steps)


def test_marked_phrases_are_rejected_together(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        await begin(desk, "space space x")
        await desk.sees("Run these 2 commands?")
        await desk.press("y")
        await desk.until(lambda: table(desk).row_count == 35)
        assert typed(desk) == ["unsolved reject main/881", "unsolved reject main/880"] and not table(desk).marked

    run_terminal(tmp_path, steps)


def test_filters_choose_the_status_and_the_bot(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        await begin(desk, "f")
        await desk.sees("→ Работаем каждый день")
        assert "3 answered" in desk.text and table(desk).row_count == 3
        await desk.press("f")
        await desk.sees("2 rejected")
        await desk.press("f", "b")
        await desk.sees("▸ bingo_club   2 open")
        assert table(desk).row_count == 2
        await desk.press("s", "s", "s", "b")
        await desk.sees("37 open · all bots")

    run_terminal(tmp_path, steps, size=(200, 30))


def test_phrases_of_one_bot_are_shown_when_its_screen_asks(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        await desk.press("j", "j", "u")
        await desk.sees("Unsolved ▸ cafe_rose")
        await desk.until(lambda: table(desk).row_count == 2)

    run_terminal(tmp_path, steps, size=(200, 30))


def test_new_phrases_come_and_the_cursor_stays_on_its_own(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        await begin(desk, "j j j")
        assert table(desk).cursor_id == "main/878"
        first = desk.control.data.unsolved[0]
        desk.control.data.unsolved.insert(
            0, {**first, "id": "main/900", "phrase": "новое", "last_ms": first["last_ms"] + 1}
        )
        await desk.sees("новое")
        assert table(desk).cursor_id == "main/878" and table(desk).row_count == 38

    run_terminal(tmp_path, steps)


def test_long_list_comes_by_page(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        await begin(desk)
        assert table(desk).row_count == 700 and len(desk.control.commands) == 1
        await desk.press("G")
        await desk.until(lambda: table(desk).cursor_id)
        assert table(desk).cursor_id == desk.control.data.unsolved[699]["id"]
        assert desk.control.commands[-1] == "unsolved list -status open -count 100 -offset 600"
        end, third = desk.control.data.unsolved[699]["id"], desk.control.data.unsolved[3]
        third["status"] = "rejected"
        await desk.until(lambda: table(desk).row_count == 699)
        assert table(desk).cursor_id == end
        await desk.press("g")
        await desk.until(lambda: table(desk).cursor_id)
        assert not table(desk).move_to(third["id"]), "pages that were not seen are read anew too"

    run_terminal(tmp_path, steps, data=fake_data(unsolved=700))


def test_idle_screen_asks_nothing(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        await begin(desk)
        asked = len(desk.control.commands)
        for _turn in itertools.repeat(None, 12):  # longer than a refresh of the store
            await desk.pilot.pause(0.1)
        assert len(desk.control.commands) == asked

    run_terminal(tmp_path, steps)


def test_list_that_cannot_be_read_says_so_and_comes_back(tmp_path: Path) -> None:
    def broken(params: dict[str, Any]) -> CommandResult | None:
        return CommandResult("base main cannot be read now", {"total": 0, "rows": []}, 6)

    async def steps(desk: Desk) -> None:
        whole = desk.control.before
        desk.control.before = broken
        await desk.press("4")
        await desk.sees("base main cannot be read now")
        desk.control.before = whole
        desk.control.data.bots[NAMES[0]] = replace(desk.control.data.bots[NAMES[0]], waiting=44)
        await desk.sees("37 open")

    run_terminal(tmp_path, steps, size=(200, 30))
