"""Imports go downwards only: ``server`` → ``engine`` → ``db``; the terminal knows the control protocol alone."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FORBIDDEN = {
    "db": {"engine", "server", "salo_tui", "tests", "flask", "textual"},
    "engine": {"server", "salo_tui", "tests", "flask", "textual"},
    "server": {"salo_tui", "tests", "textual"},
    "salo_tui": {"engine", "server", "tests", "flask", "peewee", "playhouse", "pymysql", "redis"},
}
# The control protocol and the settings, with what the two stand on.
TERMINAL_MAY_USE = {
    "db",
    "db.codec",
    "db.errors",
    "db.names",
    "db.protocol",
    "db.settings",
    "db.state",
    "db.texts",
    "db.version",
}
ROOMS = pytest.mark.parametrize("room", FORBIDDEN)

_IMPORT_ALL = """
import importlib, json, sys
sys.path.insert(0, sys.argv[1])
before = set(sys.modules)
for name in sys.argv[2:]:
    importlib.import_module(name)
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def _files(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


def _module(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _strangers(room: str, modules: set[str]) -> set[str]:
    """Return those of ``modules`` that have no business in ``room``."""
    strangers = {module for module in modules if module.partition(".")[0] in FORBIDDEN[room]}
    if room == "salo_tui":
        strangers |= {module for module in modules if module.partition(".")[0] == "db"} - TERMINAL_MAY_USE
    return strangers


def _named_imports(file: Path) -> set[str]:
    """Return all modules that a file imports, those inside functions too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file}: relative imports hide the room"
            # `from db import keys` imports a module, `from db.keys import inbox` a name of one.
            submodules = {f"{node.module}.{alias.name}" for alias in node.names}
            modules = {name for name in submodules if _is_module(name)}
            found |= modules or {str(node.module)}
    return found


def _is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


@ROOMS
def test_room_loads_no_strangers_in_a_fresh_interpreter(room: str) -> None:
    """What is loaded counts, by whatever way it came: a library may bring strangers along."""
    modules = [_module(file) for file in _files(room) if file.name != "__main__.py"]
    command = [sys.executable, "-I", "-c", _IMPORT_ALL, str(ROOT), *modules]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert _strangers(room, set(json.loads(done.stdout))) == set()


@ROOMS
def test_no_file_of_the_room_names_a_stranger(room: str) -> None:
    """Imports that wait inside functions are not seen above."""
    named = {str(file.relative_to(ROOT)): _strangers(room, _named_imports(file)) for file in _files(room)}
    assert {file: strangers for file, strangers in named.items() if strangers} == {}
