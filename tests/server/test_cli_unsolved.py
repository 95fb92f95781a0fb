"""``salo unsolved …`` in a shell: the same words with a running platform and without."""

from __future__ import annotations

import io
import json
import subprocess
from contextlib import nullcontext
from pathlib import Path

import pytest

from db.base import Base
from server.cli import main
from tests.db.test_unsolved import ask, living
from tests.server.control_desk import control_desk


@pytest.mark.parametrize("runs", [True, False], ids=["platform", "no platform"])
def test_phrases_are_listed_and_answered(
    runs: bool,
    base: Base,
    storage_settings: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    storage_settings.write_text(storage_settings.read_text() + '[platform]\nlanguage = "en"\n')
    monkeypatch.setenv("SALO_HOME", str(tmp_path / "home"))
    phrase = ask(base, "можно?")

    def salo(*words: str) -> subprocess.CompletedProcess[str]:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO()))
        capfd.readouterr()
        code = main(["--config", str(storage_settings), "unsolved", *words])
        return subprocess.CompletedProcess(words, code, *capfd.readouterr())

    with control_desk(storage_settings, tmp_path / "home") if runs else nullcontext():
        listed = json.loads(salo("list", "--json").stdout)
        assert (listed["total"], listed["rows"][0]["id"]) == (1, phrase.name)
        done = salo("answer", phrase.name, "Да,", "можно")
        assert done.returncode == 0 and "is answered" in done.stdout, done.stderr
        again = salo("answer", phrase.name, "Нет")
        assert again.returncode == 1 and "Да, можно" in again.stderr
        assert "Да, можно" in salo("list", "--status", "answered").stdout
        assert salo("reopen", phrase.name).returncode == 0
        assert salo("answer", phrase.name, "--", "-", "ну").returncode == 0
        assert json.loads(salo("show", phrase.name, "--json").stdout)["answer"] == "- ну"
    assert [tx for _rx, tx, _author, _bot in living(base)] == ["- ну"]
