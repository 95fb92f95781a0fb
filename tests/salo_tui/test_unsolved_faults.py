"""Answering an unsolved phrase when something is not as it should be: nothing typed is lost, nothing is done twice."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from salo_tui.screens.unsolved import UnsolvedScreen
from salo_tui.widgets.answer_editor import AnswerEditor
from tests.salo_tui.salo_pilot import Desk, run_terminal


async def begin(desk: Desk) -> AnswerEditor:
    """Open the editor for the first phrase, and type ``abc``."""
    await desk.press("4")
    await desk.sees("PHRASE")
    await desk.until(lambda: "доставка" in desk.text)
    await desk.press("enter")
    await desk.sees("0.83")
    await desk.press(*"abc")
    return desk.app.screen.query_one(AnswerEditor)


@pytest.mark.parametrize(
    ("editor", "folder", "words"),
    [("vim -c 'set tw=72", None, "is no command"), ("true", "/nowhere", "there is no file for the editor")],
)
def test_own_editor_that_cannot_begin_is_told_and_the_draft_stays(
    editor: str, folder: str | None, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", editor)
    if folder is not None:
        monkeypatch.setattr(tempfile, "tempdir", folder)

    async def steps(desk: Desk) -> None:
        widget = await begin(desk)
        await desk.press("f4")
        await desk.sees(words)
        assert widget.draft.text == "abc" and desk.app.is_running
        await desk.press("d")
        assert widget.draft.text == "abcd"

    run_terminal(tmp_path, steps, size=(160, 30))


def test_two_saves_in_one_burst_answer_once(tmp_path: Path) -> None:
    async def steps(desk: Desk) -> None:
        widget = await begin(desk)
        screen = desk.app.screen
        assert isinstance(screen, UnsolvedScreen)
        for _key in range(2):  # the second one is here before the first one's worker has begun
            screen.on_answer_editor_wanted(AnswerEditor.Wanted("save"))
        await desk.until(lambda: widget.phrase is not None and widget.phrase.id == "main/880")
        assert [line for line in desk.control.commands if "answer" in line] == ["unsolved answer main/881 abc"]
        await desk.press("d", "ctrl+s")
        await desk.until(lambda: "unsolved answer main/880 d" in desk.control.commands)

    run_terminal(tmp_path, steps)
