"""The editor of answers in a real terminal: the operator's own editor, and what typing sends."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.salo_tui.fake_process import fake_process
from tests.salo_tui.terminal import Terminal
from tests.services import wait_until

APP = "tests.salo_tui.attach_app"
F2, F4 = "\x1bOQ", "\x1bOS"


def answers(order: object) -> list[str]:
    return [item["line"] for item in order("asked") if item["line"].startswith("unsolved answer")]  # type: ignore[operator]


@pytest.mark.parametrize("code", [0, 1])
def test_own_editor_gets_the_draft_and_gives_it_back(tmp_path: Path, code: int) -> None:
    """It has the terminal meanwhile, and an editor that fails changes nothing."""
    editor = tmp_path / "editor"
    editor.write_text(
        f'#!/bin/sh\ncat "$1"; printf " IS SEEN"; read answer; printf "%s\\nмир" "$answer" >"$1"; exit {code}\n'
    )
    editor.chmod(0o755)
    with (
        fake_process(tmp_path / "home") as order,
        Terminal(APP, str(tmp_path / "home"), env={"EDITOR": str(editor)}) as terminal,
    ):
        terminal.wait_for("bingo_club")
        terminal.press("4")
        terminal.wait_for("двумя собаками")
        terminal.press("enter")
        terminal.wait_for("0.83")
        terminal.press("Hi", F4)
        wait_until(lambda: b"Hi IS SEEN" in terminal.tail)
        seen = terminal.received
        order("change", bot="anna_shop", enabled=False, lane="stopped")
        assert terminal.bytes_in(1.5) == 0 and terminal.received == seen, "nothing is written over the editor"
        terminal.press("Bye", "enter")
        terminal.wait_for("✗ the editor" if code else "→ Bye␊мир")
        assert "двумя собаками" in terminal.text() and "Answer · bingo_club" in terminal.text()
        terminal.press("ctrl+s")
        wait_until(
            lambda: answers(order) == ["unsolved answer main/881 Hi" if code else 'unsolved answer main/881 "Bye\nмир"']
        )


def test_typing_is_cheap_and_an_open_editor_is_silent(tmp_path: Path) -> None:
    with fake_process(tmp_path), Terminal(APP, str(tmp_path)) as terminal:
        terminal.wait_for("bingo_club")
        terminal.press("4")
        terminal.wait_for("двумя собаками")
        terminal.press("enter")
        terminal.wait_for("0.83")
        terminal.press("a")
        terminal.wait_for("→ a")
        terminal.settle(1.3)
        assert terminal.bytes_in(2.5) == 0
        before = terminal.received
        terminal.press("b")
        terminal.wait_for("→ ab")
        terminal.settle()
        print(terminal.received - before)
        assert terminal.received - before <= 1_200
