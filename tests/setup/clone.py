"""A small clone with the real ``salo`` script, on a machine of which the test says what is installed.

Python, venv, pip and the shell's tools are real. The libraries are one tiny wheel below the clone, so that no
network is needed. Only ``apt-get``, ``sudo`` and ``id`` are played: the real ones would change this machine. (What
needs no rights runs for real: ``archive.py``.)
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "salo"
SYSTEM_PYTHON = Path(sys.executable).resolve()
_TOOLS = "cat env find flock grep head ln mkdir mv readlink rm sed sh sha256sum sort touch true uname"
_CLI = """
import json, os, sys
print(json.dumps([sys.argv[1:], os.getcwd()]))
sys.exit(sys.argv[1:] == ["fail"])
"""


class Clone:
    """A clone in ``root`` whose PATH is ``bin`` alone."""

    def __init__(self, root: Path, bin_dir: Path, wheels: Path) -> None:
        self.root, self.bin, self.wheels = root, bin_dir, wheels

    @property
    def venv(self) -> Path:
        return self.root / ".venv"

    @property
    def unfinished(self) -> Path:
        """Names the packages that are being installed."""
        return self.root / ".venv.packages"

    @property
    def calls_log(self) -> Path:
        return self.bin / "calls.log"

    def start(self, *arguments: str, cwd: Path | None = None, **environ: str) -> subprocess.Popen[str]:
        """Start ``salo`` in a session of its own, so that a test may kill all of it."""
        return subprocess.Popen(
            [str(self.root / "salo"), *arguments],
            cwd=cwd or self.root,
            env=self.environ(**environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str, cwd: Path | None = None, **environ: str) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments, cwd=cwd, **environ)
        out, err = process.communicate(timeout=90)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def environ(self, **more: str) -> dict[str, str]:
        home = self.root.parent / "home"
        home.mkdir(exist_ok=True)
        pip = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.wheels), "PIP_NO_CACHE_DIR": "1"}
        return {"PATH": str(self.bin), "HOME": str(home), **pip, **more}

    def play(self, program: str, script: str) -> None:
        """Put a shell script in the place of ``program``."""
        path = self.bin / program
        path.unlink(missing_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def hide(self, *programs: str) -> None:
        for program in programs:
            (self.bin / program).unlink()

    def play_apt(self, install: str = ":", simulate: str = ":", update: str = ":") -> None:
        """Put an ``apt-get`` and a ``dpkg`` there that note how they are called, then do as told."""
        note = f'echo "$(id -u)" "${{0##*/}}" "$*" >>"{self.calls_log}"\n'
        cases = f'*" --simulate "*) {simulate} ;;\n*" install "*) {install} ;;\n*" update "*) {update} ;;'
        self.play("apt-get", f'{note}case " $* " in\n{cases}\nesac')
        self.play("dpkg", note)

    def calls(self) -> list[str]:
        """Return what was done by whom, as ``0 install``: the uid and the words that tell calls apart."""
        if not self.calls_log.exists():
            return []
        return [_short(line) for line in self.calls_log.read_text().splitlines()]

    def moved(self, directory: Path) -> Clone:
        """Return a copy of the whole clone in another place, on the same machine."""
        shutil.copytree(self.root, directory / "clone", symlinks=True)
        return Clone(directory / "clone", self.bin, self.wheels)

    def elsewhere(self, directory: Path) -> Clone:
        """Return the same clone on a machine like this one, on which a test may change what is installed."""
        shutil.copytree(self.bin, directory / "bin", symlinks=True)
        return Clone(self.root, directory / "bin", self.wheels)


def make_clone(directory: Path) -> Clone:
    """Return a fresh clone on a machine that has everything but ``.venv``."""
    root, bin_dir, wheels = directory / "a clone", directory / "bin", directory / "wheels"
    for path in (root / "server", bin_dir, wheels):
        path.mkdir(parents=True)
    clone = Clone(root, bin_dir, wheels)
    for tool in _TOOLS.split():
        program = shutil.which(tool)
        assert program, tool
        (bin_dir / tool).symlink_to(program)
    clone.play("python3", f'exec "{SYSTEM_PYTHON}" "$@"')
    clone.play("id", "echo 0")
    clone.play("mariadbd", ":")
    clone.play("redis-server", ":")
    (root / "salo").write_text(_script())
    (root / "salo").chmod(0o755)
    (root / "server" / "cli.py").write_text(_CLI)
    library = _wheel(wheels, "tinylib", "def main():\n    print('library')\n")
    runner = _wheel(wheels, "pytest", "import os, sys\nprint(sys.argv[1:], os.getcwd())\n")
    (root / "requirements.lock").write_text(library)
    (root / "requirements-dev.lock").write_text(library + runner)
    return clone


def _script() -> str:
    """Return the script, told to look for programs nowhere but on its PATH."""
    text = SCRIPT.read_text(encoding="utf-8")
    for here, there in ((":/usr/sbin:/sbin\n", "\n"), ("in /usr/bin/python3 python3 ", "in python3 ")):
        assert text.count(here) == 1, here
        text = text.replace(here, there)
    return text


def _wheel(wheels: Path, name: str, source: str) -> str:
    """Make a wheel of one module with a console script, and return its line of a lock."""
    info = f"{name}-1.0.dist-info"
    path = wheels / f"{name}-1.0-py3-none-any.whl"
    files = {
        f"{name}.py": source,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[console_scripts]\n{name}-script = {name}:main\n",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in files.items():
            archive.writestr(file, text)
        archive.writestr(f"{info}/RECORD", "".join(f"{file},,\n" for file in files) + f"{info}/RECORD,,\n")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return f"{name}==1.0 \\\n    --hash=sha256:{digest}\n"


# A clone and what its first run said.
FirstRun = tuple[Clone, "subprocess.CompletedProcess[str]"]


def kill_all(process: subprocess.Popen[str]) -> None:
    """Kill a started ``salo`` with everything it started, as a power cut would."""
    os.killpg(process.pid, 9)
    process.communicate(timeout=30)


def _short(call: str) -> str:
    uid, program, *words = call.split()
    names = [word for word in words if word in ("install", "update", "--simulate", "--configure")]
    assert program == "dpkg" or "--no-install-recommends" in words
    return " ".join([uid, *names])
