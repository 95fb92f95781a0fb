"""A child cannot outlive us, gets what it is promised and nothing else, and its end is told truly."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from server.process import CONTROL_FD, LIVING, Child, Exit, spawn
from tests.services import wait_until

ENV = {"PATH": "/usr/bin:/bin", "ONLY": "this"}
ROOT = Path(__file__).resolve().parents[2]


def output_of(child: Child) -> str:
    assert child.output is not None
    os.set_blocking(child.output, True)
    chunks = iter(lambda: os.read(child.output or 0, 65536), b"")
    return b"".join(chunks).decode()


def sh(script: str, **options: object) -> Child:
    return spawn(["sh", "-c", script], env=ENV, **options)  # type: ignore[arg-type]


def test_child_runs_in_its_directory_with_its_stdin_and_environment_alone(tmp_path: Path) -> None:
    child = sh("pwd; cat; env | sort; echo e >&2", cwd=tmp_path, stdin=b"fed\n" * 50_000)
    lines = output_of(child).splitlines()
    assert lines[0] == str(tmp_path)
    assert lines.count("fed") == 50_000
    assert "ONLY=this" in lines and "e" in lines
    assert not [line for line in lines if line.startswith("HOME=")]
    assert child.wait(5) == Exit(0, None)


@pytest.mark.parametrize(
    ("script", "expected", "words"),
    [
        ("exit 3", Exit(3, None), "exited with 3"),
        ("kill -SEGV $$", Exit(None, 11), "killed by SIGSEGV"),
        ("kill -36 $$", Exit(None, 36), "killed by signal 36"),
        ("exec /nowhere/program", Exit(127, None), "exited with 127"),
    ],
)
def test_end_is_told_truly(script: str, expected: Exit, words: str) -> None:
    child = sh(script)
    assert child.wait(5) == expected
    assert str(expected) == words
    assert child.pid not in LIVING


def test_waiting_is_possible_with_and_without_a_loop() -> None:
    async def end() -> Exit:
        child = sh("exec sleep 60")
        waiting = asyncio.create_task(child.ended())
        await asyncio.sleep(0)
        child.signal(signal.SIGTERM)
        return await asyncio.wait_for(waiting, 5)

    assert asyncio.run(end()) == Exit(None, signal.SIGTERM)
    child = sh("exec sleep 60")
    assert child.wait(0.01) is None
    child.kill()
    assert child.wait(5) == Exit(None, signal.SIGKILL)
    child.signal(signal.SIGTERM)  # reaches nobody


def test_child_has_the_promised_descriptors_and_no_other(tmp_path: Path) -> None:
    """Also when our descriptor has the very number that another is to get, and when we inherited one ourselves."""
    (tmp_path / "a").write_text("file a")
    ours = os.open(tmp_path / "a", os.O_RDONLY)
    leak = os.dup(ours)
    os.set_inheritable(leak, True)
    try:
        child = sh(f"ls /proc/self/fd; cat <&7; echo; cat <&{CONTROL_FD}", fds={7: ours}, control=True)
        assert child.control is not None
        child.control.send(b"over the socket")
        child.control.close()
        text = output_of(child)
    finally:
        os.close(ours)
        os.close(leak)
    assert child.wait(5) == Exit(0, None)
    listed, content = text.split("file a")
    assert {int(number) for number in listed.split()} == {0, 1, 2, CONTROL_FD, 4, 7}  # 4: ls reading the list
    assert content.strip() == "over the socket"


def test_group_dies_with_its_leader() -> None:
    child = sh("sleep 60 & echo $!; exit 0")
    assert child.output is not None
    assert child.wait(5) == Exit(0, None)
    grandchild = int(os.read(child.output, 100))
    wait_until(lambda: not psutil.pid_exists(grandchild) or psutil.Process(grandchild).status() == "zombie")


PARENT = """
import os, time
from server.process import spawn
child = spawn(["sh", "-c", "echo up; exec sleep 60"], env={"PATH": "/usr/bin:/bin"})
os.set_blocking(child.output, True)
os.read(child.output, 3)  # past the launcher, which looks for its parent itself
print(child.pid, flush=True)
time.sleep(60)
"""


def test_killed_parent_takes_its_child_along() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], cwd=ROOT, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert psutil.pid_exists(child)
        parent.kill()
    wait_until(lambda: not psutil.pid_exists(child))


def test_child_of_a_parent_that_died_too_early_never_starts(tmp_path: Path) -> None:
    """The launcher finds that its parent is not who started it: here it is told so by a wrong number."""
    from server.process import _LAUNCH

    started = subprocess.run(["sh", "-c", _LAUNCH, "salo", "1", str(tmp_path), "touch", "started"], check=False)
    assert started.returncode == 71
    assert not (tmp_path / "started").exists()


ADOPTER = """
import os
from server.orphans import adopted, become_subreaper, kill_adopted, reap_adopted
from server.process import spawn
become_subreaper()
# A grandchild in a session of its own, which the group's death does not reach.
child = spawn(["sh", "-c", "setsid sh -c 'echo up; exec sleep 60' & sleep 60"], env={"PATH": "/usr/bin:/bin"})
os.set_blocking(child.output, True)
assert os.read(child.output, 3) == b"up\\n"
child.kill()
assert child.wait(5)
while reap_adopted() != 1:  # the leader's own sleep may still be dying
    pass
print(*adopted(), flush=True)
assert kill_adopted() == 0 and not adopted()
"""


def test_orphaned_grandchildren_come_back_and_are_killed() -> None:
    done = subprocess.run([sys.executable, "-c", ADOPTER], cwd=ROOT, capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr
    assert not psutil.pid_exists(int(done.stdout))
