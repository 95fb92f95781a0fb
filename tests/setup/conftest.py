"""Clones for the tests of the set-up."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.setup.clone import Clone, FirstRun, make_clone


@pytest.fixture
def fresh(tmp_path: Path) -> Clone:
    """A clone in which nothing was ever run."""
    return make_clone(tmp_path)


@pytest.fixture(scope="session")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> FirstRun:
    """A clone and its first run, in an environment as unkind as users' environments are."""
    directory = tmp_path_factory.mktemp("ready")
    clone = make_clone(directory)
    stranger = directory / "stranger" / "server"
    stranger.mkdir(parents=True)
    (stranger / "cli.py").write_text("raise SystemExit('the wrong server')")
    unkind = {
        "PIP_USER": "1",
        "PIP_TARGET": str(directory / "target"),
        "PYTHONPATH": str(stranger.parent),
        "PYTHONHOME": "/nonexistent",
        "VIRTUAL_ENV": "/nonexistent",
    }
    return clone, clone.run("say", "two words", "", cwd=directory, **unkind)


@pytest.fixture
def ready(first_run: FirstRun) -> Clone:
    """A clone whose set-up is done. Shared: leave it as it is."""
    return first_run[0]
