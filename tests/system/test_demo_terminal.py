"""``salo demo`` in a terminal, as a stranger meets it: a phrase has no answer, one is typed, a bot says it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from db.errors import EXIT_FAILED, EXIT_OK
from db.settings import load_settings
from server.chaos.belongings import of_home
from server.demo.cast import ROLES
from server.demo.play import SETTLE_S
from tests.salo_tui.terminal import Terminal
from tests.services import wait_until
from tests.system.processes import salo, status

WITHIN_S = 60.0  # from the first command to the bot that uses the new answer
ANSWER = "Спросите у дяди Миши"
STAGE = "salo-demo-*"
INTERRUPTED = 130  # before anybody has talked


@pytest.fixture
def stages() -> Iterator[Path]:
    """An empty directory where the demo makes its own; its name is short, for the sockets in it."""
    with tempfile.TemporaryDirectory(prefix="stages-") as directory:
        yield Path(directory)


def test_within_a_minute_a_stranger_teaches_a_bot(tmp_path: Path) -> None:
    began = time.monotonic()
    with Terminal("server.cli", "demo", size=(100, 30), env={"HOME": str(tmp_path)}) as terminal:
        terminal.wait_for("sonya", timeout_s=WITHIN_S)
        terminal.wait_for("» → «", timeout_s=WITHIN_S)
        wait_until(lambda: re.search(r"неотв\. [1-9]", terminal.text()), timeout_s=WITHIN_S)
        terminal.press("4")
        terminal.wait_for("×")
        terminal.press("enter")
        terminal.wait_for("фраза  ")
        terminal.press(ANSWER, "ctrl+s")
        terminal.wait_for("✓")
        terminal.wait_for("уже отвечает по-новому", timeout_s=WITHIN_S)
        took_s = time.monotonic() - began
        print(f"from the first command to the bot that uses the answer: {took_s:.1f} s")
        assert took_s < WITHIN_S
        if "как будет" in terminal.text():  # the editor has gone on to the next phrase
            terminal.press("escape")
            wait_until(lambda: "как будет" not in terminal.text())
        terminal.press("q")
        wait_until(lambda: terminal.process.poll() is not None, timeout_s=WITHIN_S)
        assert terminal.process.returncode == 0, terminal.text()
        assert "потеряно  0" in terminal.text()
    assert not list(tmp_path.rglob("*")), "the demo leaves nothing in HOME"


def test_bots_made_silent_answer_what_waits_before_the_summary(stages: Path) -> None:
    with Terminal("server.cli", "demo", size=(100, 30), env={"TMPDIR": str(stages)}) as terminal:
        terminal.wait_for("» → «", timeout_s=WITHIN_S)
        settings = load_settings(next(stages.glob(STAGE)) / "salo.toml", environ={})
        for role in ROLES:
            assert salo(settings, "bot", "disable", role.name).returncode == 0
        wait_until(lambda: all(bot["waiting"] for bot in status(settings)["bots"]), timeout_s=WITHIN_S)
        terminal.press("q")
        terminal.wait_for("ждём последних ответов", timeout_s=WITHIN_S)
        waited = time.monotonic()
        wait_until(lambda: terminal.process.poll() is not None, timeout_s=WITHIN_S)
        assert terminal.process.returncode == 0, terminal.text()
        assert "потеряно  0" in terminal.text()
        assert time.monotonic() - waited < SETTLE_S / 2


@pytest.mark.parametrize("is_soon", [True, False], ids=["while the stage is set", "while people talk"])
def test_demo_whose_terminal_is_gone_leaves_nothing(is_soon: bool, stages: Path) -> None:
    terminal = Terminal("server.cli", "demo", size=(100, 30), env={"TMPDIR": str(stages)})
    try:
        terminal.wait_for("готовим сцену" if is_soon else "» → «", timeout_s=WITHIN_S)
        wait_until(lambda: any(stages.glob(STAGE)))
        (home,) = stages.glob(STAGE)
        terminal.hang_up()
        wait_until(lambda: terminal.process.poll() is not None, timeout_s=WITHIN_S)
        in_order = (INTERRUPTED,) if is_soon else (EXIT_OK, EXIT_FAILED)
        assert terminal.process.returncode in in_order, "it ended in order"
        assert not list(stages.iterdir())
        assert not of_home(home)
    finally:
        terminal.close()


def test_picture_of_the_demo_shows_its_bots_and_asks_nothing_of_the_net(tmp_path: Path) -> None:
    file = tmp_path / "terminal.svg"
    command = [sys.executable, "-I", "-m", "server.cli", "demo", "--picture", str(file), "--seconds", "1"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home")}
    told = subprocess.run(command, capture_output=True, text=True, timeout=110, env=environment)
    assert told.returncode == 0, told.stdout + told.stderr
    picture = file.read_text(encoding="utf-8")
    assert "barista" in picture
    assert "@font-face" not in picture
    assert not re.search(r"(?:href|src|url)\s*[=(]\s*[\"']?https?:", picture)
