"""``salo check`` says what is wrong with ``[engine] command`` before a start."""

from __future__ import annotations

from pathlib import Path

import pytest

from db.errors import BadSettings
from db.settings import EngineSettings, Settings
from server.engine_check import check_engine


def checked(*command: str) -> None:
    check_engine(Settings(engine=EngineSettings(command=list(command))))


def test_a_program_that_can_be_run_is_fine(tmp_path: Path) -> None:
    program = tmp_path / "engine"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    checked(str(program), "--fast")
    checked("sh")
    checked()


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("no-such-program", "there is no no-such-program in "),
        ("./engine", "is not a whole path"),
        ("/no/such/engine", "there is no /no/such/engine"),
        ("/usr", "/usr is a directory"),
        ("", "name is empty"),
    ],
)
def test_what_is_wrong_is_said_with_the_way_out(name: str, fault: str) -> None:
    with pytest.raises(BadSettings, match=fault) as told:
        checked(name)
    assert "[engine] command = " in str(told.value) and "remove the line for our own engine" in str(told.value)


def test_a_file_that_is_no_program_is_named(tmp_path: Path) -> None:
    (tmp_path / "engine").write_text("")
    with pytest.raises(BadSettings, match="may not be executed"):
        checked(str(tmp_path / "engine"))
