"""The supervisor keeps real processes running, gives up as its rules say, and leaves nobody behind."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path

import psutil
import pymysql
import pytest

from db.links import maria_arguments, redis_client
from db.protocol import ProcessInfo
from db.settings import Settings
from db.texts import use_language
from server.childspec import Cause
from server.errors import ChildNotReady
from server.process import LIVING, Child
from server.restarts import RestartRules
from server.storage.embedded import embedded_specs
from server.storage.lock import PLATFORM, StateLock
from server.supervisor import ChildSpec, Supervisor

ENV = {"PATH": "/usr/bin:/bin"}
QUICK = RestartRules(first_s=0.01, most_s=0.05, healthy_s=0.5, window_s=5.0, failures_max=3, failed_retry_s=0.2)


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    with use_language("en"):
        yield


class Scene:
    """A supervisor in a loop, and all that it told."""

    def __init__(self, home: Path, rules: RestartRules = QUICK) -> None:
        self.settings = Settings(home=home)
        self.settings.state.prepare()
        self.changes: list[ProcessInfo] = []
        self.lines: list[tuple[str, str]] = []
        self.children: list[Child] = []
        self.supervisor = Supervisor(
            self.settings,
            self.changes.append,
            lambda name, line: self.lines.append((name, line)),
            on_started=lambda _name, child: self.children.append(child),
            rules=rules,
        )

    def info(self, name: str = "it") -> ProcessInfo:
        return next(info for info in self.supervisor.processes() if info.name == name)

    def states(self, name: str = "it") -> list[str]:
        return [change.state for change in self.changes if change.name == name]


async def until(condition: Callable[[], object], timeout_s: float = 10.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.005)


def play(home: Path, script: Callable[[Scene], Awaitable[None]], rules: RestartRules = QUICK) -> Scene:
    """Run ``script`` with a supervisor of its own; whatever happens, nobody may be left."""

    async def whole() -> Scene:
        scene = Scene(home, rules)
        try:
            await script(scene)
        finally:
            await scene.supervisor.stop_all()
        return scene

    scene = asyncio.run(whole())
    assert not LIVING
    assert all(not psutil.pid_exists(child.pid) for child in scene.children)
    return scene


def sh(script: str, name: str = "it", **more: object) -> ChildSpec:
    return ChildSpec(kind="test", name=name, argv=["sh", "-c", script], env=ENV, **more)  # type: ignore[arg-type]


def test_killed_child_comes_back_and_is_told(tmp_path: Path) -> None:
    async def script(scene: Scene) -> None:
        await scene.supervisor.add(sh("exec sleep 60"))
        await scene.supervisor.wait_ready("it", 5)
        first = scene.info()
        assert (first.state, first.restarts) == ("running", 0)
        assert first.memory and first.uptime is not None
        assert first.pid is not None
        os.kill(first.pid, signal.SIGKILL)
        await until(lambda: scene.info().state == "running" and scene.info().pid != first.pid)
        assert scene.info().restarts == 1
        assert scene.info().reason == "killed by SIGKILL"

    scene = play(tmp_path, script)
    assert scene.states() == [
        *("starting", "starting", "running"),
        *("backoff", "starting", "running", "stopping", "stopped"),
    ]


def test_a_child_gives_way_as_far_as_it_is_told(tmp_path: Path) -> None:
    async def script(scene: Scene) -> None:
        for name, niceness in (("it", 0), ("background", 5)):
            await scene.supervisor.add(sh("exec sleep 60", name, niceness=niceness))
            await scene.supervisor.wait_ready(name, 5)
        ours = os.getpriority(os.PRIO_PROCESS, 0)
        assert [os.getpriority(os.PRIO_PROCESS, child.pid) - ours for child in scene.children] == [0, 5]

    play(tmp_path, script)


def test_output_reaches_the_file_and_the_listener_to_the_last_line(tmp_path: Path) -> None:
    async def script(scene: Scene) -> None:
        await scene.supervisor.add(sh("echo привет; echo error >&2; printf unfinished; exec sleep 60"))
        await until(lambda: len(scene.lines) == 2)

    scene = play(tmp_path, script)
    assert scene.lines == [("it", "привет"), ("it", "error"), ("it", "unfinished")]
    kept = (scene.settings.state.logs / "it.log").read_text().splitlines()
    assert [line.split(" ", 1)[1] for line in kept] == ["привет", "error", "unfinished"]


def test_child_that_cannot_stay_up_is_given_up_with_its_last_words(tmp_path: Path) -> None:
    async def script(scene: Scene) -> None:
        await scene.supervisor.add(sh("echo no such table; exit 7", ready=never))
        with pytest.raises(ChildNotReady, match="failed, exited with 7; its last words: no such table"):
            await scene.supervisor.wait_ready("it", 5)
        assert (scene.info().state, scene.info().pid, scene.info().restarts) == ("failed", None, 3)
        assert scene.supervisor.tail("it") == ["no such table"] * 4

    assert play(tmp_path, script).states().count("failed") == 1


async def never() -> bool:
    return False


def test_essential_child_is_tried_for_ever_and_recovers(tmp_path: Path) -> None:
    async def script(scene: Scene) -> None:
        mended = tmp_path / "mended"
        until_mended = f"test -e {mended} && exec sleep 60; exit 1"
        await scene.supervisor.add(sh(until_mended, essential=True, ready=exists(mended)))
        await until(lambda: scene.states().count("failed") == 3)
        mended.touch()
        await until(lambda: scene.info().state == "running")

    assert "running" in play(tmp_path, script).states()


def exists(path: Path) -> Callable[[], Awaitable[bool]]:
    async def probe() -> bool:
        return path.exists()

    return probe


def test_operator_restarts_what_was_given_up(tmp_path: Path) -> None:
    async def script(scene: Scene) -> None:
        await scene.supervisor.add(sh("exit 1", ready=never))
        await until(lambda: scene.info().state == "failed")
        await scene.supervisor.restart("it")
        await until(lambda: scene.states().count("failed") == 2)
        assert scene.info().restarts == 7

    play(tmp_path, script)


def test_child_that_never_gets_ready_is_replaced(tmp_path: Path) -> None:
    async def script(scene: Scene) -> None:
        await scene.supervisor.add(sh("exec sleep 60", ready=never, ready_within_s=0.05))
        with pytest.raises(ChildNotReady, match="was not ready within"):
            await scene.supervisor.wait_ready("it", 5)

    play(tmp_path, script)


def test_missing_program_is_told(tmp_path: Path) -> None:
    async def script(scene: Scene) -> None:
        await scene.supervisor.add(ChildSpec("test", "it", ["/nowhere/program"], ENV, ready=never))
        with pytest.raises(ChildNotReady, match=r"exited with 127.*nowhere/program"):
            await scene.supervisor.wait_ready("it", 5)

    play(tmp_path, script)


def test_broken_probe_costs_a_restart_and_not_the_keeper(tmp_path: Path) -> None:
    answers = iter([ZeroDivisionError()])

    async def probe() -> bool:
        for answer in answers:
            raise answer
        return True

    async def script(scene: Scene) -> None:
        await scene.supervisor.add(sh("exec sleep 60", ready=probe))
        await scene.supervisor.wait_ready("it", 5)
        assert scene.info().restarts == 1

    play(tmp_path, script)


def test_stubborn_child_is_killed_after_its_grace_with_its_whole_group(tmp_path: Path) -> None:
    pids: list[int] = []

    async def script(scene: Scene) -> None:
        await scene.supervisor.add(sh("trap '' TERM; sleep 60 & echo $!; while :; do wait; done", stop_grace_s=0.1))
        await until(lambda: scene.lines)
        pids.append(int(scene.lines[0][1]))
        await scene.supervisor.stop("it")
        assert scene.info().reason == "killed after 0.1 s of grace"
        await scene.supervisor.restart("it")
        await scene.supervisor.wait_ready("it", 5)

    play(tmp_path, script)
    assert not psutil.pid_exists(pids[0]) or psutil.Process(pids[0]).status() == psutil.STATUS_ZOMBIE


def test_all_stop_in_the_opposite_order_and_none_starts_meanwhile(tmp_path: Path) -> None:
    async def script(scene: Scene) -> None:
        for name in ("first", "second", "third"):
            spec = sh("trap 'exit 0' TERM; while :; do sleep 0.01; done", name)
            await scene.supervisor.add(ChildSpec(name, name, spec.argv, ENV))
            await scene.supervisor.wait_ready(name, 5)
        restarting = asyncio.create_task(scene.supervisor.restart("third"))
        await asyncio.sleep(0)
        await scene.supervisor.stop_all()
        await restarting
        assert [info.state for info in scene.supervisor.processes()] == ["stopped"] * 3

    scene = play(tmp_path, script)
    assert [info.name for info in scene.changes if info.state == "stopped"] == ["third", "second", "first"]


def test_each_start_has_a_control_socket_of_its_own(tmp_path: Path) -> None:
    async def script(scene: Scene) -> None:
        await scene.supervisor.add(sh("cat <&3; exit 0", control=True))
        for number in range(2):
            await until(lambda number=number: len(scene.children) > number)
            control = scene.children[number].control
            assert control is not None
            control.send(b"hello %d\n" % number)
            control.close()
            await until(lambda number=number: ("it", f"hello {number}") in scene.lines)

    scene = play(tmp_path, script)
    for child in scene.children:
        if child.control is not None:
            child.control.close()


def test_cancelled_platform_leaves_nobody(tmp_path: Path) -> None:
    """A crash of the loop's main task: keepers are cancelled, and take their children along."""

    async def crash() -> None:
        scene = Scene(tmp_path)
        await scene.supervisor.add(sh("trap '' TERM; while :; do sleep 1; done"))
        await scene.supervisor.wait_ready("it", 5)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(crash())
    assert not LIVING


@pytest.fixture
def lock(tmp_path: Path) -> StateLock:
    settings = Settings(home=tmp_path)
    settings.state.prepare()
    return StateLock.acquire(settings.state, PLATFORM)


def test_killed_redis_and_mariadb_come_back_with_all_they_acknowledged(tmp_path: Path, lock: StateLock) -> None:
    async def script(scene: Scene) -> None:
        settings, supervisor = scene.settings, scene.supervisor
        for spec in await asyncio.to_thread(embedded_specs, settings, lock):  # the first start takes its time
            await supervisor.add(spec)
        for name in ("redis", "mariadb"):
            await supervisor.wait_ready(name, 30)
        redis_client(settings).xadd("s", {"k": "v"})
        ask(settings, "create database salo_a", "create table salo_a.t select 7 as n")
        for name in ("redis", "mariadb"):
            pid = scene.info(name).pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            killed_s = time.monotonic()
            await until(lambda name=name, pid=pid: scene.info(name).state == "running" and scene.info(name).pid != pid)
            assert time.monotonic() - killed_s < 5
        assert redis_client(settings).xlen("s") == 1
        assert ask(settings, "select n from salo_a.t") == (7,)

    scene = play(tmp_path, script, RestartRules())
    assert [info.name for info in scene.changes if info.state == "stopped"] == ["mariadb", "redis"]
    assert {info.reason for info in scene.changes if info.state == "stopped"} == {"stopped"}


def ask(settings: Settings, *statements: str) -> tuple[object, ...]:
    with pymysql.connect(**maria_arguments(settings), autocommit=True) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        return cursor.fetchone() or ()


def test_a_child_waits_as_long_as_its_cause_lasts_and_tells_it(tmp_path: Path) -> None:
    heard: list[list[str]] = []
    is_over = threading.Event()

    def cause(said: Sequence[str]) -> Cause:
        heard.append(list(said))
        return Cause("no {what}", {"what": "room"}, is_over=is_over.is_set)

    async def script(scene: Scene) -> None:
        await scene.supervisor.add(sh("echo before; echo full; exit 1", essential=True, after_end=cause))
        await until(lambda: scene.info().state == "backoff")
        assert scene.info().reason == "exited with 1: no room"
        await asyncio.sleep(0.3)  # far above the longest delay of the rules
        assert scene.info().restarts == 0
        is_over.set()
        await until(lambda: scene.info().restarts >= 2)

    play(tmp_path, script)
    assert heard[0] == heard[1] == ["before", "full"]


def test_a_child_whose_cause_was_mended_starts_at_once_and_others_within_their_bound(tmp_path: Path) -> None:
    rules = RestartRules(first_s=60.0, most_s=60.0)

    async def script(scene: Scene) -> None:
        mended = sh("exit 1", "mended", after_end=lambda _said: Cause("it was torn", is_mended=True))
        await scene.supervisor.add(mended)
        await scene.supervisor.add(sh("exit 1", "bounded", retry_most_s=0.01))
        await until(lambda: scene.info("mended").restarts and scene.info("bounded").restarts)

    play(tmp_path, script, rules)


def test_a_child_whose_cause_cannot_be_found_comes_back_and_one_that_waits_can_be_stopped(
    tmp_path: Path,
) -> None:
    def fail(_said: Sequence[str]) -> Cause:
        raise RuntimeError("no files")

    async def script(scene: Scene) -> None:
        await scene.supervisor.add(sh("exit 1", "one", after_end=fail))
        await scene.supervisor.add(sh("exit 1", "other", after_end=lambda _said: Cause("never", is_over=lambda: False)))
        await until(lambda: scene.info("one").restarts and scene.info("other").state == "backoff")
        await asyncio.wait_for(scene.supervisor.stop("other"), 5)

    play(tmp_path, script)
