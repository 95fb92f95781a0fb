"""The locks pin what ``pyproject.toml`` asks for, by hash, and name no address to fetch it from."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
RUNTIME, DEV = ROOT / "requirements.lock", ROOT / "requirements-dev.lock"
LOCKS = pytest.mark.parametrize("lock", [RUNTIME, DEV], ids=lambda lock: lock.stem)


def _entries(lock: Path) -> list[str]:
    """Return one line for each pinned package, with its hashes."""
    joined = lock.read_text(encoding="utf-8").replace("\\\n", " ")
    return [line for line in joined.splitlines() if line.strip()]


def _pins(lock: Path) -> dict[str, Requirement]:
    """Return what is pinned, by the package's canonical name."""
    pinned = (Requirement(entry.split(" --hash")[0]) for entry in _entries(lock))
    return {canonicalize_name(requirement.name): requirement for requirement in pinned}


def _asked(*, dev: bool) -> list[Requirement]:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    lines = declared["project"]["dependencies"] + (declared["dependency-groups"]["dev"] if dev else [])
    return [Requirement(line) for line in lines]


@LOCKS
def test_lock_names_no_address(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    assert "://" not in text
    assert "@" not in text
    assert not re.search(r"^\s*(-i|-f|--index|--extra|--find|--trusted)", text, re.MULTILINE)


@LOCKS
def test_each_package_is_pinned_and_hashed(lock: Path) -> None:
    for entry in _entries(lock):
        pin, *hashes = re.split(r"\s+--hash=", entry)
        assert re.fullmatch(r"[\w.-]+==[\w.!+]+( ?; .+)?", pin.strip()), entry[:100]
        assert hashes and all(re.fullmatch(r"sha256:[0-9a-f]{64}", value.strip()) for value in hashes), entry[:100]


@pytest.mark.parametrize(("lock", "dev"), [(RUNTIME, False), (DEV, True)], ids=["runtime", "dev"])
def test_what_pyproject_asks_for_is_in_the_lock(lock: Path, dev: bool) -> None:
    pins = _pins(lock)
    for asked in _asked(dev=dev):
        pin = pins[canonicalize_name(asked.name)]
        assert asked.specifier.contains(next(iter(pin.specifier)).version), asked


def test_dev_lock_holds_the_runtime_lock() -> None:
    """``./salo test`` makes .venv from the one, all other verbs from the other: the libraries must be the same."""
    assert set(_entries(RUNTIME)) <= set(_entries(DEV))


def test_what_only_the_tests_need_is_not_in_the_runtime_lock() -> None:
    runtime_only = {canonicalize_name(asked.name) for asked in _asked(dev=False)}
    dev_only = {canonicalize_name(asked.name) for asked in _asked(dev=True)} - runtime_only
    assert not dev_only & set(_pins(RUNTIME))
