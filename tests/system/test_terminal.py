"""``salo`` in a real terminal over a real platform: neither dies of the other, and the operator sees what happened."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

import psutil
import pytest

from db.settings import Settings, load_settings
from server.chaos.belongings import of_home
from server.control_client import ControlClient
from server.demo.chatter import Chatter, read_lines
from server.demo.play import Play
from server.demo.score import Summary
from server.demo.stage import Stage, set_stage
from tests.salo_tui.terminal import ROOT, Terminal
from tests.services import wait_until
from tests.system.processes import pid_of, salo, status

RATE = 25.0  # messages a second
STALL_S = 5.0
GAP_S = 1.0  # the most that a client of the platform may wait meanwhile; on a quiet machine it is 0.05
BLOCKED_MS = 3000  # a child whose output nobody took would be late by the stall
UP_S = 30.0


class House:
    """The stage of the module: bots and a VK, and one state directory on which platforms come and go."""

    def __init__(self, runner: asyncio.Runner, stage: Stage) -> None:
        self.runner, self.stage, self.settings = runner, stage, stage.settings
        self._heard = 0  # what bots said in earlier talks is no answer in this one

    def terminal(self, *words: str, env: dict[str, str] | None = None, size: tuple[int, int] = (100, 30)) -> Terminal:
        home = {"SALO_HOME": str(self.settings.home), **(env or {})}
        return Terminal("server.cli", "--config", str(self.settings.source), *words, env=home, size=size)

    def talk(self, seconds: float, meanwhile: Callable[[], None] = lambda: None) -> Summary:
        """Let people talk while something else happens in another thread; return how the bots did."""

        async def talk() -> Summary:
            play = Play(self.stage, Chatter(read_lines(), random.Random(5)))
            play._last_sent = self._heard
            end = time.monotonic() + seconds
            talking = asyncio.ensure_future(play.talk(RATE, lambda: time.monotonic() > end))
            await asyncio.gather(talking, asyncio.to_thread(meanwhile))
            summary = await play.summary()
            self._heard = play._last_sent
            return summary

        return self.runner.run(talk())

    def pid(self) -> int:
        """Return the pid of the platform that answers, 0 if none does."""
        told = salo(self.settings, "status", "--json")
        return int(status(self.settings)["platform"]["pid"]) if told.returncode == 0 else 0

    def stop(self) -> None:
        """Have no platform."""
        assert salo(self.settings, "stop").returncode in (0, 3)

    def start(self) -> int:
        """Have a platform that no terminal started, and return its pid."""
        if not self.pid():
            self.runner.run(self.stage.start_platform())
        return self.stage.platform.pid

    def left(self) -> list[psutil.Process]:
        """Return what runs for this state directory, but the VK on the desk."""
        return [one for one in of_home(self.settings.home) if one.pid != self.stage.emulator.pid]


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        stage = runner.run(stack.enter_async_context(set_stage({"platform": {"language": "en"}}, time_scale=0.01)))
        house = House(runner, stage)
        try:
            yield house
        finally:
            house.stop()
            runner.run(stack.aclose())


@contextmanager
def tmux_session(house: House, *words: str) -> Iterator[tuple[Callable[..., str], int]]:
    """Run ``salo`` in a tmux of its own; yield what gives orders to it, and the terminal's pid."""
    program = shutil.which("tmux")
    if program is None:
        pytest.skip("tmux is not installed")
    tmux = [program, "-L", f"salo-{uuid.uuid4().hex[:8]}", "-f", "/dev/null"]

    def order(*told: str) -> str:
        return subprocess.run([*tmux, *told], capture_output=True, text=True, check=True, timeout=10).stdout

    door = [sys.executable, "-I", "-m", "server.cli", "--config", str(house.settings.source), *words]
    order("-u", "new-session", "-d", "-x", "100", "-y", "30", "-c", str(ROOT), "-e",
          f"SALO_HOME={house.settings.home}", *door)  # fmt: skip
    try:
        yield order, int(order("list-panes", "-F", "#{pane_pid}"))
    finally:
        subprocess.run([*tmux, "kill-server"], capture_output=True, timeout=10)


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def widest_gap_s(settings: Settings, seconds: float) -> float:
    """Return the longest time that a client waited for a snapshot, asking all the time."""
    longest, end = 0.0, time.monotonic() + seconds
    with ControlClient.connect(settings.state) as client:
        while time.monotonic() < end:
            before = time.monotonic()
            client.call("snapshot", {})
            longest = max(longest, time.monotonic() - before)
            time.sleep(0.1)
    return longest


def test_platform_and_bots_outlive_the_terminal_that_started_them(house: House) -> None:
    house.stop()
    with tmux_session(house) as (tmux, terminal):
        wait_until(lambda: "barista" in tmux("capture-pane", "-p"), UP_S)
        platform = house.pid()
        assert os.getsid(platform) == platform
        assert not set(psutil.Process(platform).environ()) & {"TERM", "TMUX", "TMUX_PANE", "COLORTERM"}
        tmux("kill-session")
        wait_until(lambda: gone(terminal))
    assert house.pid() == platform
    assert house.talk(1.0).is_clean
    with house.terminal("attach") as back:
        shown = back.wait_for("barista")
        assert {"sonya", "cat"} <= set(shown.split())
    assert house.pid() == platform


def test_platform_does_not_feel_a_terminal_that_is_not_read(house: House) -> None:
    house.start()
    gaps: list[float] = []
    with house.terminal("attach", size=(200, 60)) as terminal:
        terminal.wait_for("barista")
        terminal.press("3")

        def stall() -> None:
            time.sleep(0.5)
            terminal.stall()
            gaps.append(widest_gap_s(house.settings, STALL_S))

        summary = house.talk(STALL_S + 0.5, stall)
        assert salo(house.settings, "bot", "disable", "cat").returncode == 0
        terminal.resume()
        terminal.press("1")
        terminal.wait_for("○ off")
        assert salo(house.settings, "bot", "enable", "cat").returncode == 0
    print({"gap_s": gaps[0], "p99_ms": summary.latency_p99_ms, "events": summary.events})
    assert gaps[0] < GAP_S
    assert summary.is_clean, summary
    assert summary.latency_p99_ms is not None and summary.latency_p99_ms < BLOCKED_MS


def test_terminal_that_slept_shows_what_is_now(house: House) -> None:
    house.start()
    with house.terminal("attach") as terminal:
        terminal.wait_for("barista")
        terminal.process.send_signal(signal.SIGSTOP)
        assert house.talk(2.0).is_clean
        assert salo(house.settings, "bot", "disable", "cat").returncode == 0
        terminal.process.send_signal(signal.SIGCONT)
        terminal.wait_for("○ off")
        assert salo(house.settings, "bot", "enable", "cat").returncode == 0
        wait_until(lambda: "○ off" not in terminal.text())


def test_attached_terminal_says_what_became_of_the_platform_and_waits(house: House) -> None:
    first = house.start()
    with house.terminal("attach") as terminal:
        terminal.wait_for("barista")
        house.stop()
        terminal.wait_for("no platform")
        assert "was stopped by" in terminal.text()
        second = house.start()
        terminal.wait_for(f"is back, pid {second}", UP_S)
        house.stage.platform.kill()
        terminal.wait_for("is gone")  # the head may still tell of the last time
        terminal.wait_for("no platform")
        wait_until(lambda: {one.pid for one in house.left()} == {terminal.process.pid}, 15)
        third = house.start()
        terminal.wait_for(f"is back, pid {third}", UP_S)
        terminal.wait_for("● ")
        assert len({first, second, third}) == 3
        house.stop()
        terminal.wait_for("r starts it")
        terminal.press("6", "r")  # r restarts a process there, while there is a platform
        terminal.wait_for("is back, pid", UP_S)
        assert house.pid() not in (0, first, second, third)


def test_terminal_starts_a_platform_that_died_but_none_that_was_stopped(house: House) -> None:
    house.stop()
    with house.terminal() as terminal:
        terminal.wait_for("barista", UP_S)
        before = house.pid()
        os.kill(before, signal.SIGKILL)
        terminal.wait_for("is back, pid", UP_S)
        assert house.pid() not in (0, before)
        assert salo(house.settings, "stop").returncode == 0
        terminal.wait_for("was stopped by local:")
        wait_until(lambda: terminal.bytes_in(0.5) == 0, 10)  # all that the stop has to say is drawn
        assert terminal.bytes_in(2.0) < 1_000
        assert house.pid() == 0
        terminal.press("r")
        terminal.wait_for("barista", UP_S)
        assert house.pid()


@pytest.mark.parametrize("way", ["kill", "hang up", "q"])
def test_ephemeral_platform_ends_with_its_terminal(house: House, way: str) -> None:
    house.stop()
    log = house.settings.state.logs / "platform.log"
    with house.terminal("--ephemeral") as terminal:
        terminal.wait_for("barista", UP_S)
        begun = log.stat().st_size
        match way:
            case "kill":
                terminal.process.kill()
            case "hang up":
                terminal.hang_up()
            case "q":
                terminal.press("q")
                terminal.wait_for("Close this terminal?")
                terminal.press("enter")
        assert terminal.process.wait(30) is not None
        wait_until(lambda: house.left() == [], 30)
    said = log.read_bytes()[begun:].decode()
    assert "platform stops" in said, "it went down in order"


def test_stay_leave_and_stop_do_what_they_say(house: House) -> None:
    house.stop()
    with house.terminal() as terminal:
        terminal.wait_for("barista", UP_S)
        platform = house.pid()
        terminal.press("q")
        terminal.wait_for("Close this terminal?")
        terminal.press("escape")
        wait_until(lambda: "Close this terminal?" not in terminal.text())
        terminal.press("q")
        terminal.wait_for("Close this terminal?")
        terminal.press("l")
        assert terminal.process.wait(10) == 0
        wait_until(lambda: b"the bots go on working; to come back: salo attach" in terminal.tail)
    assert house.pid() == platform
    with house.terminal("attach") as terminal:
        terminal.wait_for("barista")
        terminal.press("q")
        terminal.wait_for("Close this terminal?")
        terminal.press("S")
        assert terminal.process.wait(30) == 0
        wait_until(lambda: b"the platform is stopped" in terminal.tail)
        assert gone(platform)
    wait_until(lambda: house.left() == [])


def test_read_only_terminal_changes_nothing_and_says_so(house: House) -> None:
    house.start()
    before = pid_of(house.settings, "journal")
    with house.terminal("attach", "--read-only") as terminal:
        terminal.wait_for("barista")
        terminal.press(":restart journal")  # in one go, as a slow link brings it: no letter is a key of the screen
        terminal.wait_for("its name, as in")
        terminal.press("enter")
        assert "salo restart journal" in terminal.wait_for("✗")
        print(terminal.text().splitlines()[-2:])
        assert pid_of(house.settings, "journal") == before
        terminal.press("q")
        assert terminal.process.wait(10) == 0, "there is nothing to ask"
    assert house.pid()


def test_attach_without_a_platform_draws_nothing(house: House) -> None:
    house.stop()
    with house.terminal("attach") as terminal:
        assert terminal.process.wait(10) == 3
        wait_until(lambda: b"no platform runs on" in terminal.tail)
        assert b"\x1b[?1049h" not in terminal.tail


def test_ephemeral_refuses_a_platform_that_others_started(house: House) -> None:
    house.start()
    with house.terminal("--ephemeral") as terminal:
        assert terminal.process.wait(10) == 1
        wait_until(lambda: b"salo attach" in terminal.tail)


def test_platform_that_cannot_start_says_why_and_is_tried_again(tmp_path: Path) -> None:
    config = tmp_path / "salo.toml"
    config.write_text('[platform]\nlanguage = "en"\n[storage]\nredis = "redis://127.0.0.1:1"\n')
    settings = load_settings(config, {"SALO_HOME": str(tmp_path / "home")})
    with Terminal("server.cli", "--config", str(config), env={"SALO_HOME": str(settings.home)}) as terminal:
        shown = terminal.wait_for("tries again")
        assert "the platform did not start" in shown and "127.0.0.1:1" in shown
        output = settings.state.platform_output
        assert output.stat().st_mode & 0o777 == 0o600
        config.write_text('[platform]\nlanguage = "martian"\n')
        terminal.press("r")
        terminal.wait_for("martian")
        terminal.press("q")
        assert terminal.process.wait(10) == 0
        wait_until(lambda: b"no platform runs" in terminal.tail)
    assert of_home(settings.home) == []


def test_salo_without_a_terminal_prints_help(tmp_path: Path) -> None:
    config = tmp_path / "salo.toml"
    config.write_text('[platform]\nlanguage = "en"\n')
    settings = load_settings(config, {"SALO_HOME": str(tmp_path / "home")})
    told = salo(settings)
    assert told.returncode == 0 and "Usage: salo" in told.stdout
    assert not settings.home.exists()
    assert salo(settings, "attach").returncode == 2
