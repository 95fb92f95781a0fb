"""``./salo VERB`` makes ready what is missing, says what it does, and runs the verb."""

from __future__ import annotations

import json
import re
import subprocess
import time
from pathlib import Path

import pytest

from tests.services import wait_until
from tests.setup.clone import Clone, FirstRun, kill_all

MAKING = "making .venv"


def test_first_run_makes_the_environment_and_runs_the_verb(first_run: FirstRun) -> None:
    clone, done = first_run
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [["say", "two words", ""], str(clone.root.parent)]
    assert MAKING in done.stderr
    assert sorted(path.name for path in clone.root.glob(".venv*")) == [".venv"]


def test_second_run_says_nothing_and_adds_under_300_ms(ready: Clone) -> None:
    direct = [str(ready.venv / "bin" / "python"), "-I", "-m", "server.cli"]
    through, alone = [], []
    for _ in range(5):
        started = time.monotonic()
        done = ready.run()
        through.append(time.monotonic() - started)
        assert (done.returncode, done.stderr) == (0, "")
        started = time.monotonic()
        subprocess.run(direct, check=True, stdout=subprocess.DEVNULL)
        alone.append(time.monotonic() - started)
    assert min(through) - min(alone) < 0.3


def test_exit_code_of_the_verb_is_passed_on(ready: Clone) -> None:
    assert ready.run("fail").returncode == 1


def test_script_runs_through_a_link_from_anywhere(ready: Clone, tmp_path: Path) -> None:
    link = tmp_path / "salo"
    link.symlink_to(ready.root / "salo")
    done = subprocess.run([link, "x"], cwd=tmp_path, env=ready.environ(), capture_output=True, text=True)
    assert json.loads(done.stdout) == [["x"], str(tmp_path)]


def test_scripts_of_the_environment_name_its_last_place(ready: Clone) -> None:
    assert subprocess.check_output([ready.venv / "bin" / "tinylib-script"], text=True) == "library\n"
    named = [path for path in (ready.venv / "bin").iterdir() if b".venv.new" in path.read_bytes()]
    assert named == []


def test_setup_runs_nothing(ready: Clone) -> None:
    done = ready.run("setup")
    assert (done.returncode, done.stdout) == (0, "")
    assert "ready" in done.stderr
    assert ready.run("setup", "--all").returncode == 2


def test_set_up_killed_at_any_point_is_repaired_by_the_next_run(fresh: Clone) -> None:
    for point in (".venv.new/pyvenv.cfg", ".venv.new/lib/*/site-packages/tinylib.py"):
        process = fresh.start("x")
        wait_until(lambda point=point: list(fresh.root.glob(point)), timeout_s=60)  # type: ignore[misc]
        kill_all(process)
        assert not (fresh.venv / "runtime.stamp").exists()
    done = fresh.run("x")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in fresh.root.glob(".venv*")) == [".venv"]
    assert fresh.run("x").stderr == ""


def test_two_set_ups_at_once_make_one_environment(fresh: Clone) -> None:
    first = fresh.start("first")
    wait_until(lambda: (fresh.root / ".venv.new").exists(), timeout_s=30)
    second = fresh.start("second")
    said = [process.communicate(timeout=90)[1] for process in (first, second)]
    assert [process.returncode for process in (first, second)] == [0, 0], said
    assert MAKING in said[0] and MAKING not in said[1]
    assert "another set-up is at work" in said[1]


def test_moved_clone_gets_an_environment_of_its_own(ready: Clone, tmp_path: Path) -> None:
    moved = ready.moved(tmp_path)
    assert MAKING in moved.run().stderr
    assert moved.run().stderr == ""


def test_environment_in_use_stays_when_new_libraries_cannot_be_fetched(ready: Clone, tmp_path: Path) -> None:
    clone = ready.moved(tmp_path)
    before = (clone.venv / "runtime.stamp").read_text()
    done = clone.run(PIP_FIND_LINKS=str(tmp_path / "nowhere"))
    assert done.returncode == 1
    assert "salo: pip could not install the libraries of requirements.lock" in done.stderr
    assert "network" in done.stderr and "PIP_INDEX_URL" in done.stderr
    assert (clone.venv / "runtime.stamp").read_text() == before
    assert (clone.venv / "bin" / "python").exists()


@pytest.mark.parametrize(
    ("pattern", "becomes", "words"),
    [("sha256:.{8}", "sha256:00000000", "DO NOT MATCH THE HASHES"), (r" \\\n.*", "", "Hashes are required")],
    ids=["another hash", "no hash"],
)
def test_library_is_refused_that_has(fresh: Clone, pattern: str, becomes: str, words: str) -> None:
    lock = fresh.root / "requirements.lock"
    lock.write_text(re.sub(pattern, becomes, lock.read_text()))
    done = fresh.run("x")
    assert (done.returncode, done.stdout) == (1, "")
    assert words in done.stderr
    assert not fresh.venv.exists()


def test_test_verb_adds_what_the_tests_need_and_other_verbs_keep_it(fresh: Clone, tmp_path: Path) -> None:
    done = fresh.run("test", "-k", "one", cwd=tmp_path)
    assert done.stdout == f"['-k', 'one'] {fresh.root}\n", done.stderr
    assert fresh.run("test").stderr == ""
    assert fresh.run("x").stderr == ""
