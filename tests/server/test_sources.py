"""Where workers come from: a zygote that forks them (played here, over the real sockets), or any program."""

from __future__ import annotations

import array
import asyncio
import os
import select
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from server.dispatcher.pool import Pool, WorkerDied
from server.dispatcher.sources import CommandSource, NoWorker, ZygoteSource
from server.process import child_environment, python_argv, spawn
from tests.db.lanes import message
from tests.server.lanes import lane_settings, until, worker_source
from tests.services import RedisService

ENV = {"PATH": os.defpath}
Zygote = tuple[socket.socket, int]  # our end of its control socket, its pid


def play_zygote(control: socket.socket) -> None:
    """Answer each ``fork`` as the zygote does; the forked worker echoes verdicts until its socket closes."""
    while control.recv(100) == b"fork":
        ours, theirs = socket.socketpair()
        heard, said = os.pipe()
        pid = os.fork()
        if pid == 0:
            control.close()
            ours.close()
            os.close(heard)
            for line in theirs.makefile("rb"):
                theirs.sendall(line[:-2] + b', "verdict": "done"}\n')
            os._exit(0)
        theirs.close()
        pidfd = os.pidfd_open(pid)
        rights = array.array("i", [ours.fileno(), pidfd, heard])
        control.sendmsg([b'{"pid": %d}' % pid], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
        ours.close()
        for descriptor in (pidfd, heard, said):
            os.close(descriptor)


@pytest.fixture
def start_zygote() -> Iterator[Callable[[], Zygote]]:
    pids: list[int] = []

    def start() -> Zygote:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        pid = os.fork()
        if pid == 0:
            ours.close()
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # reaps by itself
            try:
                play_zygote(theirs)
            finally:
                os._exit(0)
        theirs.close()
        pids.append(pid)
        return ours, pid

    yield start
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


async def no_ask(ask: dict[str, object]) -> dict[str, object]:
    return {}


def test_workers_are_forked_by_the_zygote_and_by_its_successor(start_zygote: Callable[[], Zygote]) -> None:
    async def scene() -> None:
        source = ZygoteSource()
        pool = Pool(source, 3, 1000)
        pool.start()
        await asyncio.sleep(0)
        control, pid = start_zygote()
        source.attach(control)
        await until(lambda: len(pool.pids) == 3)
        handle = await pool.acquire()
        verdict = await handle.run({"job": "1"}, 5, no_ask)
        assert verdict.outcome == "done"
        handle.release()

        os.kill(pid, signal.SIGKILL)
        before = pool.pids
        for worker in before:  # in our own engine they die with the zygote
            os.kill(worker, signal.SIGKILL)
        await until(lambda: not pool.pids)
        with pytest.raises(NoWorker):
            await source.start_worker()
        source.attach(start_zygote()[0])
        await until(lambda: len(pool.pids) == 3 and not set(before) & set(pool.pids))
        await pool.stop()
        assert not pool.pids
        source.detach()

    asyncio.run(scene())


def test_a_zygote_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.dispatcher.sources.WARM_S", 0.05)

    async def scene() -> None:
        source = ZygoteSource()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            source.attach(ours)
            with pytest.raises(NoWorker, match="no answer"):
                await source.start_worker()
            with pytest.raises(NoWorker, match="not running"):
                await source.start_worker()
            assert theirs.recv(10) == b"fork" and theirs.recv(10) == b""  # and told so

    asyncio.run(scene())


def test_a_dead_worker_ends_its_job_at_once(tmp_path: Path) -> None:
    async def scene() -> None:
        pool = Pool(worker_source(tmp_path / "deeds"), 1, 1000)
        pool.start()
        handle = await pool.acquire()
        job = {"job": "1", "attempt": 1, "bot": {"name": "b"}, "event": {"event_id": "e", "object": {}}}
        job["event"] = {"event_id": "e", "object": {"message": {"text": "hang"}}}
        task = asyncio.create_task(handle.run(job, 60, no_ask))
        await until(lambda: (tmp_path / "deeds").exists() and (tmp_path / "deeds").stat().st_size)
        os.kill(handle.pid, signal.SIGKILL)
        with pytest.raises(WorkerDied, match="ended without a verdict"):
            await asyncio.wait_for(task, 2)
        await pool.stop()

    asyncio.run(scene())


def test_a_cancelled_job_leaves_no_worker_behind(tmp_path: Path) -> None:
    async def scene() -> None:
        pool = Pool(worker_source(tmp_path / "deeds"), 1, 1000)
        pool.start()
        handle = await pool.acquire()
        pidfd = os.pidfd_open(handle.pid)
        job = {"job": "1", "attempt": 1, "bot": {"name": "b"}}
        job["event"] = {"event_id": "e", "object": {"message": {"text": "hang"}}}  # type: ignore[assignment]
        task = asyncio.create_task(handle.run(job, 60, no_ask))
        await until(lambda: (tmp_path / "deeds").exists() and (tmp_path / "deeds").stat().st_size)
        task.cancel()
        await asyncio.wait([task])
        assert select.select([pidfd], [], [], 2)[0]
        os.close(pidfd)
        await pool.stop()

    asyncio.run(scene())


def test_what_a_program_writes_is_passed_on_line_by_line() -> None:
    lines: list[str] = []
    trouble = []

    async def scene() -> None:
        script = "import sys; print('one'); print('x' * 5000, file=sys.stderr); sys.stdout.write('end'); sys.exit(3)"
        pool = Pool(CommandSource([sys.executable, "-c", script], ENV), 1, 1000, on_line=lines.append)
        pool.start()
        await until(lambda: "end" in lines and pool.trouble("worker", "engine"))
        trouble.append(pool.trouble("worker", "engine"))
        await pool.stop()

    asyncio.run(scene())
    assert "one" in lines and "x" * 4096 + " …" in lines
    assert trouble[0].reason == "exited with 3; its last words: end"


def test_a_program_that_cannot_start_does_not_spin(tmp_path: Path) -> None:
    starts = tmp_path / "starts"

    async def scene() -> None:
        pool = Pool(CommandSource(["/bin/sh", "-c", f"echo x >> {starts}"], ENV), 1, 1000)
        pool.start()
        await until(lambda: starts.exists() and len(starts.read_text()) >= 2 * 3)
        await pool.stop()

    asyncio.run(scene())
    assert len(starts.read_text()) < 2 * 10


def test_our_own_zygote_speaks_the_same_protocol(redis_service: RedisService, tmp_path: Path) -> None:
    """Its workers come, refuse a job that they do not know, and die with it."""
    settings = lane_settings(redis_service, tmp_path)
    zygote = spawn(python_argv(settings, "engine.zygote"), env=child_environment(settings), control=True)
    assert zygote.control is not None

    async def scene() -> None:
        source = ZygoteSource()
        source.attach(zygote.control)  # type: ignore[arg-type]
        pool = Pool(source, 2, 1000)
        pool.start()
        await until(lambda: len(pool.pids) == 2, 60)
        handle = await pool.acquire()
        bot = {"name": "b0", "bot_id": 1, "group_id": 100, "base": "phrases", "db": 3}
        job = {"job": "1", "kind": "unheard of", "bot": bot, "token": "t", "event": message(), "entry": "1-0"}
        job |= {"attempt": 1, "lease": {"key": "k", "value": "v"}, "deadline_ms": 5000}
        verdict = await handle.run(job, 5, no_ask)
        assert verdict.outcome == "fail" and "unheard of" in verdict.reason
        handle.release()
        zygote.kill()
        await until(lambda: not pool.pids)
        await pool.stop()

    asyncio.run(scene())
    assert zygote.wait(5) is not None
