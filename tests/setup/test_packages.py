"""Debian packages that are missing are installed, after saying so; where that cannot be, the words say why."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.setup.clone import Clone, make_clone

INSTALLS_MARIADBD = 'ln -s /bin/true "${0%/*}/mariadbd"'


@pytest.fixture
def machine(ready: Clone, tmp_path: Path) -> Iterator[Clone]:
    """A clone that only lacks ``mariadbd``, on a machine where root's apt-get works."""
    clone = ready.elsewhere(tmp_path)
    clone.hide("mariadbd")
    clone.play_apt(INSTALLS_MARIADBD)
    yield clone
    clone.unfinished.unlink(missing_ok=True)


def _as_user(clone: Clone, sudo: str = "") -> None:
    clone.play("id", 'echo "${PLAYED_UID-1000}"')
    if sudo:
        clone.play("sudo", sudo)


def test_root_installs_what_is_missing_and_is_told_before(machine: Clone) -> None:
    done = machine.run("x")
    assert done.returncode == 0, done.stderr
    assert "not installed yet: mariadb-server-core\n" in done.stderr
    assert "apt-get install --no-install-recommends mariadb-server-core\n" in done.stderr
    assert machine.calls() == ["0 install --simulate", "0 install"]
    assert machine.run("x").stderr == ""
    assert not machine.unfinished.exists()


def test_verbs_output_is_not_mixed_with_that_of_apt(machine: Clone) -> None:
    machine.play_apt(f"echo Unpacking; {INSTALLS_MARIADBD}")
    assert machine.run("x").stdout.count("\n") == 1


@pytest.mark.parametrize("program", ["redis-server", "valkey-server", "redis-check-rdb"])
def test_any_program_that_is_a_redis_server_will_do(machine: Clone, program: str) -> None:
    machine.hide("redis-server")
    machine.play(program, ":")
    assert "redis" not in machine.run("x").stderr


def test_redis_comes_without_a_system_service(machine: Clone) -> None:
    machine.hide("redis-server")
    assert "not installed yet: mariadb-server-core redis-tools\n" in machine.run("x").stderr


def test_user_installs_by_sudo_that_asks_nothing(machine: Clone) -> None:
    _as_user(machine, 'test "$1" = -n && shift\nPLAYED_UID=0 exec "$@"')
    assert machine.run("x").returncode == 0
    assert machine.calls() == ["0 install --simulate", "0 install"]


@pytest.mark.parametrize("sudo", ["", "exit 1"], ids=["no sudo", "sudo wants a password, no terminal"])
def test_user_without_rights_installs_nothing_in_the_system(machine: Clone, sudo: str) -> None:
    """What such a user gets instead is in ``test_unpacking.py``."""
    _as_user(machine, sudo)
    machine.play_apt("exit 100")
    done = machine.run("x")
    assert (done.returncode, done.stdout) == (1, "")
    assert "neither root nor sudo here" in done.stderr
    assert "ask for: apt-get install mariadb-server-core\n" in done.stderr
    assert machine.calls() == [f"1000 {words}" for words in ("install", "update", "install")]


def test_other_systems_are_told_what_to_install_themselves(machine: Clone) -> None:
    machine.hide("apt-get")
    done = machine.run("x")
    assert (done.returncode, done.stdout) == (1, "")
    assert "this is not Debian (" in done.stderr
    assert "MariaDB" in done.stderr


def test_stale_package_lists_are_fetched_again(machine: Clone) -> None:
    flag = f'"{machine.bin}/lists"'
    machine.play_apt(f"test -e {flag} && {INSTALLS_MARIADBD}", f"test -e {flag}", f"touch {flag}")
    assert machine.run("x").returncode == 0
    assert machine.calls() == ["0 install --simulate", "0 --configure", "0 update", "0 install"]


def test_install_that_fails_says_why_and_leaves_the_verb_alone(machine: Clone) -> None:
    machine.play_apt("echo 'E: Temporary failure resolving' >&2; exit 100")
    done = machine.run("x")
    assert (done.returncode, done.stdout) == (1, "")
    assert "E: Temporary failure resolving" in done.stderr
    assert "apt-get could not install: mariadb-server-core" in done.stderr
    assert "no network" in done.stderr


def test_install_killed_half_way_is_taken_up_by_the_next_run(machine: Clone) -> None:
    """The program may be there already, without its libraries."""
    machine.play_apt(f"{INSTALLS_MARIADBD}; kill -9 $PPID; exit 1")
    assert machine.run("x").returncode != 0
    assert (machine.bin / "mariadbd").exists()
    machine.play_apt(":", simulate='test -e "${0%/*}/mended"', update='touch "${0%/*}/mended"')
    assert machine.run("x").returncode == 0
    assert machine.calls()[-4:] == ["0 install --simulate", "0 --configure", "0 update", "0 install"]
    assert machine.run("x").stderr == ""


def test_nothing_is_installed_where_that_is_forbidden(machine: Clone) -> None:
    done = machine.run("x", SALO_NO_APT="1")
    assert (done.returncode, done.stderr) == (0, "")
    assert machine.calls() == []


def test_python_that_is_too_old_is_named(tmp_path: Path) -> None:
    clone = make_clone(tmp_path)
    clone.play("python3", "echo 3.9")
    done = clone.run("x")
    assert (done.returncode, done.stdout) == (1, "")
    assert "Python is too old: python3 is 3.9, and Salo needs 3.11 or newer" in done.stderr


@pytest.mark.parametrize(("has_python", "packages"), [(False, "python3 python3-venv"), (True, "python3-venv")])
def test_python_is_installed_with_what_makes_environments(tmp_path: Path, has_python: bool, packages: str) -> None:
    clone = make_clone(tmp_path)
    clone.hide("python3")
    if has_python:
        clone.play("python3", 'case "$3" in\n*ensurepip*) exit 1 ;;\n*) echo 3.11 ;;\nesac')
    clone.play_apt("exit 1")
    assert f"not installed yet: {packages}\n" in clone.run("x").stderr


def test_tests_get_the_other_language_that_an_engine_of_theirs_is_in(machine: Clone) -> None:
    machine.play("mariadbd", ":")
    machine.play("perl", "exit 1")  # Debian's own has no modules
    machine.play_apt('printf "#!/bin/sh\\n" >"${0%/*}/perl"')
    done = machine.run("setup", "--dev")
    assert done.returncode == 0, done.stderr
    assert "not installed yet: perl\n" in done.stderr
    assert "perl" not in machine.run("setup", "--dev").stderr + machine.run("x").stderr


def test_what_the_tests_alone_need_stops_nobody_who_may_not_install_it(machine: Clone) -> None:
    machine.play("mariadbd", ":")
    machine.play("perl", "exit 1")
    _as_user(machine)
    assert machine.run("setup", "--dev").returncode == 0
    assert machine.calls() == []
