"""``salo run`` as a whole: refused twice, side by side, on external servers, seen by status, gone after stop."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from server.chaos.belongings import of_home
from server.demo.chatter import Chatter, read_lines
from server.demo.play import Play
from server.demo.score import Summary
from server.demo.stage import Stage, set_stage
from tests.services import PASSWORD, MariaService, RedisService, wait_until
from tests.system.processes import salo, status

KINDS = {"redis", "mariadb", "callback", "zygote", "worker", "ticker", "journal"}


async def talk(stage: Stage, seconds: float) -> Summary:
    """Let people talk for a moment and judge."""
    play = Play(stage, Chatter(read_lines(), random.Random(11)))
    end = time.monotonic() + seconds
    await play.talk(20, lambda: time.monotonic() > end)
    return await play.summary()


def test_status_shows_every_process_and_a_second_run_is_refused() -> None:
    async def play() -> Path:
        async with set_stage() as stage:
            found = await asyncio.to_thread(status, stage.settings)
            assert found["platform"]["state"] == "running"
            assert found["platform"]["pid"] == stage.platform.pid
            assert {bot["name"] for bot in found["bots"]} == {"sonya", "barista", "cat"}
            assert {item["kind"] for item in found["processes"]} == KINDS
            for item in found["processes"]:
                assert item["state"] == "running" and item["restarts"] == 0
                assert item["memory"] > 1 << 20 and item["uptime"] >= 0
                assert psutil.pid_exists(item["pid"])
            second = await asyncio.to_thread(salo, stage.settings, "run")
            assert second.returncode == 1
            assert str(stage.platform.pid) in second.stderr
            stopped = await asyncio.to_thread(salo, stage.settings, "stop")
            assert stopped.returncode == 0, stopped.stderr
            assert stage.platform.wait(5) is not None
            assert [one.pid for one in of_home(stage.settings.home)] == [stage.emulator.pid]
            down = await asyncio.to_thread(salo, stage.settings, "status")
            assert down.returncode == 3
            return stage.settings.home

    assert not asyncio.run(play()).exists()


def test_two_copies_live_side_by_side() -> None:
    async def play() -> tuple[Summary, Summary]:
        async with set_stage() as one, set_stage() as other:
            first, second = await asyncio.gather(talk(one, 3), talk(other, 3))
            return first, second

    for summary in asyncio.run(play()):
        assert summary.is_clean, summary


def test_external_servers_do_the_same_work(
    redis_service: RedisService, maria_service: MariaService, tmp_path: Path
) -> None:
    redis_service.client().flushall()
    password = tmp_path / "password"
    password.write_text(PASSWORD)
    storage = {
        "redis": redis_service.url,
        "redis_password_file": str(password),
        "mariadb": maria_service.url,
        "mariadb_password_file": str(password),
    }

    async def play() -> tuple[Summary, set[str]]:
        async with set_stage({"storage": storage}) as stage:
            summary = await talk(stage, 3)
            found = await asyncio.to_thread(status, stage.settings)
            return summary, {item["kind"] for item in found["processes"]}

    try:
        summary, kinds = asyncio.run(play())
    finally:
        with maria_service.connect() as connection, connection.cursor() as cursor:
            for base in ("talk", "tales"):
                cursor.execute(f"drop database if exists salo_{base}")
        redis_service.client().flushall()
    assert summary.is_clean, summary
    assert kinds == KINDS - {"redis", "mariadb"}


@pytest.mark.parametrize("key", ["redis", "mariadb"])
def test_an_external_server_that_is_not_there_is_told_and_nothing_started(key: str, tmp_path: Path) -> None:
    urls = {"redis": "redis://127.0.0.1:1", "mariadb": "mysql://salo@127.0.0.1:1"}
    config = tmp_path / "salo.toml"
    config.write_text(f'[storage]\n{key} = "{urls[key]}"\n')
    told = subprocess.run(
        [sys.executable, "-I", "-m", "server.cli", "--config", str(config), "run"],
        capture_output=True, text=True, timeout=30,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "SALO_HOME": str(tmp_path / "home")},
    )  # fmt: skip
    assert told.returncode == 3
    assert f"[storage] {key}" in told.stderr and "127.0.0.1:1" in told.stderr
    assert "Traceback" not in told.stderr
    assert of_home(tmp_path / "home") == []


def test_a_killed_demo_takes_its_stage_along(tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    demo = subprocess.Popen(
        [sys.executable, "-I", "-m", "server.cli", "demo", "--headless", "--seconds", "60"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TMPDIR": str(temporary)},
    )  # fmt: skip
    try:

        def workers_run() -> bool:
            return len(psutil.Process(demo.pid).children(recursive=True)) >= 9

        wait_until(workers_run, 60)
        family = psutil.Process(demo.pid).children(recursive=True)
    finally:
        demo.send_signal(signal.SIGKILL)
        demo.wait()

    def all_are_gone() -> bool:
        return not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in family)

    wait_until(all_are_gone, 5)
