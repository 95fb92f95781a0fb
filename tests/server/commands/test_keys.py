"""A key goes from host to host by a file, is shown nowhere, and a host with a wrong one is told before it does harm."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import redis

from db import keys
from db.errors import Refused, SaloError, SealBroken
from db.settings import load_settings
from engine.commands.declare import Face
from engine.commands.errors import CommandError
from engine.commands.roles import Role
from server.commands.context import Actor, PlatformContext, Resources
from server.commands.run import run_line
from tests.bots import add_bot, register_base
from tests.services import RedisService

ROOT = Path(__file__).resolve().parents[3]
SHELL = Actor(Role.OWNER, Face.SHELL, "shell:tests")


class Host:
    """One host of several on a shared Redis."""

    def __init__(self, config: Path, home: Path, stack: ExitStack) -> None:
        self.settings = load_settings(config, {"SALO_HOME": str(home)})
        self._stack = stack

    @property
    def key(self) -> Path:
        return self.settings.state.key

    def context(self) -> PlatformContext:
        resources = Resources(self.settings)
        self._stack.callback(resources.close)
        return PlatformContext(resources, SHELL)

    def says(self, line: str) -> str:
        return run_line(self.context(), line).text

    def opens(self) -> list[str]:
        return [config.token.reveal() for _bot, config in self.context().bots.with_configs()]


@pytest.fixture
def hosts(clean_redis: redis.Redis, storage_settings: Path, tmp_path: Path) -> Iterator[tuple[Host, Host]]:
    """The first has added a bot; the second joins."""
    register_base(clean_redis)
    with ExitStack() as stack:
        first, second = (Host(storage_settings, tmp_path / name, stack) for name in ("first", "second"))
        add_bot(first.context().bots)
        yield first, second


def test_host_that_joins_opens_everything_with_the_key_of_the_first(hosts: tuple[Host, Host], tmp_path: Path) -> None:
    first, second = hosts
    file = tmp_path / "key-to-go"
    said = first.says(f"key export {file}")
    assert file.stat().st_mode & 0o777 == 0o600 and file.read_text() == first.key.read_text()
    assert first.key.read_text().strip() not in said + second.says(f"key import {file}")
    assert second.opens() == ["token-anna"]
    assert second.key.stat().st_mode & 0o777 == 0o600
    assert second.says(f"key import {file}") == "this key is here already"


def test_host_with_a_wrong_key_is_told_what_to_do_and_its_stray_key_is_replaced(
    hosts: tuple[Host, Host], tmp_path: Path, clean_redis: redis.Redis
) -> None:
    first, second = hosts
    for _time in range(2):
        with pytest.raises(SealBroken, match="salo key export FILE, here salo key import FILE"):
            second.context().bots.list()
    stray = second.key.read_text()
    clean_redis.delete(keys.KEY_WITNESS)  # a Redis of before knows by its bots alone
    with pytest.raises(SealBroken):
        second.context().bots.list()
    assert clean_redis.get(keys.KEY_WITNESS) is None
    first.says(f"key export {tmp_path / 'k'}")
    said = second.says(f"key import {tmp_path / 'k'}")
    assert second.opens() == ["token-anna"]
    kept = Path(said.rpartition(": ")[2])
    assert kept.read_text() == stray and kept.stat().st_mode & 0o777 == 0o600


def test_key_that_opens_nothing_replaces_none_that_does_but_by_force(hosts: tuple[Host, Host], tmp_path: Path) -> None:
    first, second = hosts
    with pytest.raises(SealBroken):
        second.context().bots.list()
    mine = first.key.read_text()
    with pytest.raises(Refused, match="own key opens"):
        first.says(f"key import {second.key}")
    with pytest.raises(Refused, match="does not open"):
        second.says(f"key import {second.key}")
    assert first.key.read_text() == mine
    first.says(f"key import {second.key} -force")
    assert first.opens() == [] and first.key.read_text() == second.key.read_text()
    assert second.context().bots.get("anna").name == "anna", "this key is the one from now on"
    assert [file.read_text() for file in first.key.parent.glob("key.before-*")] == [mine]


@pytest.mark.parametrize("text", ["", "hello", "ab" * 31, "ab" * 33, "я"])
def test_file_that_is_no_key_changes_nothing(hosts: tuple[Host, Host], tmp_path: Path, text: str) -> None:
    (tmp_path / "k").write_text(text)
    mine = hosts[0].key.read_text()
    with pytest.raises(SaloError):
        hosts[0].says(f"key import {tmp_path / 'k'} -force")
    assert hosts[0].key.read_text() == mine


def test_export_overwrites_no_file_and_shows_no_key_on_a_terminal(
    hosts: tuple[Host, Host], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = hosts
    (tmp_path / "k").write_text("precious")
    with pytest.raises(CommandError):
        first.says(f"key export {tmp_path / 'k'}")
    assert (tmp_path / "k").read_text() == "precious"
    with pytest.raises(CommandError, match="no key yet"):
        second.says(f"key export {tmp_path / 'k2'}")
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdout", terminal)
    with pytest.raises(Refused):
        first.says("key export -")
    assert terminal.getvalue() == ""


def test_platform_with_a_wrong_key_ends_with_words_and_answers_nothing(
    hosts: tuple[Host, Host], tmp_path: Path, redis_service: RedisService
) -> None:
    _first, second = hosts
    run = subprocess.run(
        [sys.executable, "-m", "server.cli", "--config", str(second.settings.source), "run"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "SALO_HOME": str(second.settings.home), "LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 1
    assert "salo key import FILE" in run.stderr and "Traceback" not in run.stderr
