"""Starting a platform, and what follows when one ends: real processes, a platform made of a line of shell."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from db.settings import SHIPPED, Settings, load_settings
from salo_tui import keeper as keeping
from salo_tui.keeper import Keeper, Phase, Standing
from salo_tui.launch import (
    RESTARTS_MAX,
    Tie,
    last_words,
    platform_environment,
    restart_delay_s,
    start_platform,
)
from salo_tui.main import _wait_end
from salo_tui.state import State
from salo_tui.store import Link, LinkStatus

LOST = Link(LinkStatus.LOST, "", 1)
UP = Link(LinkStatus.CONNECTED)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    config = tmp_path / "salo.toml"
    config.write_text('[platform]\nlanguage = "en"\n[storage]\nredis = "redis://127.0.0.1:1"\n')
    return load_settings(config, {"SALO_HOME": str(tmp_path / "home")})


def test_platform_learns_nothing_of_the_terminal() -> None:
    known = {"PATH": "/bin", "TZ": "UTC", "TERM": "xterm", "SSH_CONNECTION": "1 2", "TMUX": "x", "SALO_DEBUG": "1"}
    assert platform_environment(known, Path("/home")) == {
        "PATH": "/bin", "TZ": "UTC", "LANG": "C.UTF-8", "SALO_DEBUG": "1", "SALO_HOME": "/home",
    }  # fmt: skip


def test_restarts_are_spread_and_given_up() -> None:
    assert restart_delay_s([], 100.0) == 0.5
    assert restart_delay_s([99.0, 98.0], 100.0) == 2.0
    assert restart_delay_s([1.0] * RESTARTS_MAX, 100.0) == 0.5, "what was long ago is forgiven"
    assert restart_delay_s([99.0] * RESTARTS_MAX, 100.0) is None


def test_last_words_are_the_last_and_few(settings: Settings) -> None:
    assert last_words(settings) == []
    settings.state.prepare()
    settings.state.platform_output.write_text("".join(f"line {number} «ю»\n\n" for number in range(5000)))
    assert last_words(settings) == [f"line {number} «ю»" for number in range(4992, 5000)]


def test_platform_is_started_in_a_session_of_its_own_and_its_words_are_kept(settings: Settings) -> None:
    settings.state.prepare()
    settings.state.platform_output.write_text("of the one before")
    tie = Tie()
    with start_platform(settings, tie) as platform:
        assert os.getsid(platform.pid) == platform.pid
        assert platform.wait(20) == 3
    assert "redis://127.0.0.1:1" in " ".join(last_words(settings))
    assert settings.state.platform_output.stat().st_mode & 0o777 == 0o600
    assert settings.state.platform_output.with_suffix(".out.1").read_text() == "of the one before"


def config_of(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the settings file that a platform started now is told."""
    started: list[list[str]] = []
    monkeypatch.setattr(subprocess, "Popen", lambda argv, **_options: started.append(argv))
    start_platform(settings)
    return started[0][started[0].index("--config") + 1]


def test_settings_file_that_came_meanwhile_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SALO_HOME", str(tmp_path))
    own, named = tmp_path / "salo.toml", tmp_path / "named.toml"
    named.write_text("")
    found, chosen = load_settings(), load_settings(named)
    assert config_of(found, monkeypatch) == str(SHIPPED)
    own.write_text("")
    assert config_of(found, monkeypatch) == str(own)
    assert config_of(chosen, monkeypatch) == str(named), "what --config names stays"


class Kept:
    """A keeper whose platforms are lines of shell, and all it told."""

    def __init__(self, settings: Settings, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
        self.told: list[Standing] = []
        self.pids: list[int] = []
        self.may_start = True
        self.line = line
        self.keeper = Keeper(settings, lambda: self.may_start, self.told.append)
        monkeypatch.setattr(keeping, "start_platform", self._start)
        monkeypatch.setattr(keeping, "restart_delay_s", lambda starts, now: None if len(starts) >= 2 else 0.01)

    def _start(self, _settings: Settings, _tie: Tie | None) -> subprocess.Popen[bytes]:
        platform = subprocess.Popen(["/bin/sh", "-c", f"exec {self.line}"], start_new_session=True)
        self.pids.append(platform.pid)
        return platform

    @property
    def phases(self) -> list[Phase]:
        return [standing.phase for standing in self.told]

    @property
    def ends(self) -> int:
        """How many platforms have ended; the phase after that may last for 10 ms."""
        return sum(phase in (Phase.DIED, Phase.FAILED) for phase in self.phases)

    def says(self, state: str, pid: int = 0, stopped_by: str = "") -> State:
        return State(platform={"state": state, "pid": pid or self.pids[-1], "stopped_by": stopped_by})

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(5):
            while not condition():
                await asyncio.sleep(0.005)


@pytest.fixture
def kept(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Kept:
    return Kept(settings, monkeypatch, "sleep 60")


def test_platform_is_started_when_none_answers(kept: Kept) -> None:
    async def play() -> None:
        kept.keeper.link_changed(Link(LinkStatus.CONNECTING, "", 1), State())
        kept.keeper.link_changed(Link(LinkStatus.CONNECTING, "", 2), State())
        assert len(kept.pids) == 1 and kept.phases == [Phase.STARTING]
        kept.keeper.link_changed(UP, kept.says("starting"))
        kept.keeper.state_changed(kept.says("running"))
        assert kept.phases == [Phase.STARTING, Phase.UP] and kept.keeper.has_started
        os.kill(kept.pids[0], signal.SIGKILL)
        kept.may_start = False
        await kept.until(lambda: kept.phases[-1] is Phase.AWAITED)

    asyncio.run(play())


def test_platform_that_dies_is_started_again_until_it_is_too_often(kept: Kept) -> None:
    async def play() -> None:
        kept.keeper.start()
        for count in (1, 2, 3):
            await kept.until(lambda count=count: len(kept.pids) == count)  # type: ignore[misc]
            kept.keeper.link_changed(UP, kept.says("running"))
            os.kill(kept.pids[-1], signal.SIGKILL)
            kept.keeper.link_changed(LOST, State())
            await kept.until(lambda count=count: kept.ends == count)  # type: ignore[misc]
        assert kept.told[-1].phase is Phase.FAILED and len(kept.pids) == 3
        assert Standing(Phase.DIED, "SIGKILL") in kept.told

    asyncio.run(play())


def test_platform_that_was_stopped_stays_so_until_the_operator_starts_it(kept: Kept) -> None:
    async def play() -> None:
        kept.keeper.start()
        kept.keeper.link_changed(UP, kept.says("running"))
        kept.keeper.state_changed(kept.says("stopping", stopped_by="local:anna"))
        os.kill(kept.pids[0], signal.SIGKILL)  # even if its stop ended badly
        kept.keeper.link_changed(LOST, State())
        await kept.until(lambda: not kept.keeper.is_starting)
        assert kept.told[-1] == Standing(Phase.STOPPED, "local:anna") and len(kept.pids) == 1
        kept.keeper.link_changed(Link(LinkStatus.LOST, "", 2), State())
        assert len(kept.pids) == 1
        kept.keeper.start()
        assert kept.phases[-1] is Phase.STARTING and len(kept.pids) == 2
        os.kill(kept.pids[1], signal.SIGKILL)
        kept.may_start = False
        await kept.until(lambda: not kept.keeper.is_starting)

    asyncio.run(play())


def test_platform_that_refuses_to_start_is_not_tried_again_by_itself(kept: Kept) -> None:
    async def play() -> None:
        kept.line = "false"
        kept.keeper.start()
        await kept.until(lambda: kept.phases == [Phase.STARTING, Phase.FAILED])
        await asyncio.sleep(0.1)
        assert len(kept.pids) == 1

    asyncio.run(play())


def test_platform_killed_by_a_signal_without_a_name_is_started_again(kept: Kept) -> None:
    async def play() -> None:
        kept.line = "sh -c 'kill -40 $$'"
        kept.keeper.start()
        await kept.until(lambda: Phase.DIED in kept.phases)
        assert "40" in next(standing for standing in kept.told if standing.phase is Phase.DIED).reason
        await kept.until(lambda: kept.phases[-1] is Phase.FAILED)

    asyncio.run(play())


def test_platform_that_never_was_is_gone_and_not_waited_for() -> None:
    assert keeping._lives(os.getpid())
    assert not keeping._lives(0)
    assert _wait_end(0)


def test_platform_of_others_is_not_replaced_while_it_lives(kept: Kept) -> None:
    async def play() -> None:
        with subprocess.Popen(["sleep", "60"]) as other:
            kept.keeper.link_changed(UP, kept.says("running", other.pid))
            assert not kept.keeper.has_started
            kept.keeper.link_changed(LOST, State())  # it hung for a while
            await asyncio.sleep(keeping.LOOK_S * 1.5)
            assert kept.pids == [] and kept.phases == [Phase.UP]
            other.kill()
        await kept.until(lambda: kept.pids)
        assert kept.phases[1] is Phase.DIED
        os.kill(kept.pids[0], signal.SIGKILL)
        kept.may_start = False
        await kept.until(lambda: not kept.keeper.is_starting)

    asyncio.run(play())


def test_own_platform_that_gave_way_to_another_one_is_no_failure(kept: Kept) -> None:
    async def play() -> None:
        kept.line = "sleep 0.2"
        kept.keeper.start()
        kept.keeper.link_changed(UP, kept.says("running", os.getpid()))
        await kept.until(lambda: not kept.keeper.is_starting)
        assert kept.phases == [Phase.STARTING, Phase.UP]

    asyncio.run(play())
