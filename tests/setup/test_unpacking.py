"""A user who may not install gets the packages unpacked below ``.packages``, by the real apt from a small archive."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.setup.archive import HAS, NEEDS, Archive, let_user_unpack, make_archive
from tests.setup.clone import Clone, make_clone

SAID = "neither root nor sudo here: unpacking them below .packages, with what they need\n"


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return make_archive(tmp_path / "archive")


@pytest.fixture
def machine(ready: Clone, tmp_path: Path) -> Clone:
    """A clone of one's own on a machine of a user without rights that lacks both servers."""
    root = tmp_path / ready.root.name
    shutil.copytree(ready.root, root, ignore=shutil.ignore_patterns(".venv"))
    moved = Clone(root, ready.bin, ready.wheels).elsewhere(tmp_path)
    moved.venv.mkdir()
    for name in ("bin", "lib", "pyvenv.cfg"):
        (moved.venv / name).symlink_to(ready.venv / name)
    stamp = (ready.venv / "runtime.stamp").read_text()
    (moved.venv / "runtime.stamp").write_text(stamp.replace(str(ready.root), str(root), 1))
    let_user_unpack(moved)
    moved.hide("mariadbd", "redis-server")
    return moved


def _left(clone: Clone) -> list[str]:
    return sorted(path.name for path in clone.root.glob(".packages*"))


def _said_by(clone: Clone, server: str) -> str:
    program = clone.root / ".packages" / "bin" / server
    return subprocess.check_output([program, "--port", "0"], text=True, env=clone.environ())


def test_servers_and_just_what_they_lack_are_unpacked(machine: Clone, archive: Archive) -> None:
    done = machine.run("x", **archive.environ)
    assert done.returncode == 0, done.stderr
    assert "not installed yet: mariadb-server-core redis-tools\n" in done.stderr
    assert SAID in done.stderr
    assert _left(machine) == [".packages"]
    private = machine.root / ".packages"
    libraries = private / "tree/usr/lib/x86_64-linux-gnu"
    assert [file.name for file in libraries.iterdir()] == [f"{NEEDS}.so"], HAS
    assert _said_by(machine, "mariadbd") == f"mariadbd {libraries} --port 0\n"
    assert _said_by(machine, "redis-server") == f"redis-server {libraries} --port 0\n"
    assert sorted(path.name for path in (private / "bin").iterdir()) == ["mariadbd", "redis-server"]
    assert (private / "lib").samefile(private / "tree/usr/lib")
    assert machine.run("x", **archive.environ).stderr == ""


def test_systems_package_lists_are_used_where_they_are_good(machine: Clone, archive: Archive) -> None:
    assert "fetching the package lists" in machine.run("x", **archive.environ).stderr
    archive.fetch_lists()
    (machine.root / ".packages" / "made-for").write_text("another release\n")
    done = machine.run("x", **archive.environ)
    assert done.returncode == 0, done.stderr
    assert SAID in done.stderr and "fetching the package lists" not in done.stderr
    assert _left(machine) == [".packages"]


def test_package_that_is_not_what_the_lists_promise_is_refused(machine: Clone, archive: Archive) -> None:
    package = archive.package(NEEDS)
    content = bytearray(package.read_bytes())
    content[-1] ^= 1
    package.write_bytes(content)
    done = machine.run("x", **archive.environ)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{package.name}  Hash Sum mismatch)" in done.stderr
    assert "ask for: apt-get install mariadb-server-core redis-tools\n" in done.stderr
    assert _left(machine) == []


def test_archive_that_is_not_there_is_one_line(machine: Clone, archive: Archive) -> None:
    shutil.rmtree(archive.packages)
    done = machine.run("x", **archive.environ)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1].startswith("salo: apt-get could not fetch them (Unable to locate package")
    assert all(line.startswith("salo: ") for line in done.stderr.splitlines())
    assert "most often there is no network" in done.stderr
    assert _left(machine) == []


def test_server_that_does_not_run_here_is_not_put_in_place(machine: Clone, archive: Archive) -> None:
    machine.play("chmod", "exit 0")
    done = machine.run("x", **archive.environ)
    assert done.returncode == 1
    assert "the unpacked mariadbd does not run here (" in done.stderr and "Permission denied" in done.stderr
    assert _left(machine) == []


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", ["apt-get", "dpkg-deb", "chmod", "mv"])
def test_unpacking_killed_at_any_point_is_repaired_by_the_next_run(
    machine: Clone, archive: Archive, step: str, when: str
) -> None:
    real, kill = f'{shutil.which(step)} "$@"', "kill -9 $PPID"
    machine.play(step, f"{kill}; exit 1" if when == "before" else f"{real}; {kill}")
    assert machine.run("x", **archive.environ).returncode == -9
    let_user_unpack(machine)
    done = machine.run("x", **archive.environ)
    assert done.returncode == 0, done.stderr
    assert _left(machine) == [".packages"]
    assert "mariadbd" in _said_by(machine, "mariadbd")
    assert machine.run("x", **archive.environ).stderr == ""


def test_environment_is_made_where_python_brings_no_pip(tmp_path: Path, archive: Archive) -> None:
    clone = make_clone(tmp_path)
    let_user_unpack(clone)
    python = (clone.bin / "python3").read_text().splitlines()[1]
    clone.play("python3", f'case "$*" in *"import ensurepip"*) exit 1 ;; esac\n{python}')
    done = clone.run("x", **archive.environ)
    assert done.returncode == 0, done.stderr
    assert "not installed yet: python3-venv\n" in done.stderr
    assert _left(clone) == [".packages"]
    assert subprocess.check_output([clone.venv / "bin" / "tinylib-script"], text=True) == "library\n"
    assert clone.run("x", **archive.environ).stderr == ""
    clone.hide("mariadbd")
    assert clone.run("x", **archive.environ).returncode == 0
    assert list((clone.root / ".packages/share/python-wheels").glob("pip-*.whl")), "what was there stays"


def test_user_without_python_is_told_what_to_ask_for(machine: Clone, archive: Archive) -> None:
    machine.hide("python3")
    shutil.rmtree(machine.venv)
    done = machine.run("x", **archive.environ)
    assert (done.returncode, done.stdout) == (1, "")
    asked = "apt-get install mariadb-server-core python3 python3-venv redis-tools"
    assert f"takes root, or a user who may use sudo; ask for: {asked}\n" in done.stderr
    assert _left(machine) == []
