"""Workers of any program: bounded by the kernel, killed with what they started, and what is known of their end."""

from __future__ import annotations

import asyncio
import os
import resource
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from server.dispatcher.limits import Limits
from server.dispatcher.pool import DeadlineMissed, NeverRan, Pool, WorkerDied
from server.dispatcher.sources import CommandSource, ZygoteSource
from server.process import child_environment, python_argv, spawn
from tests.engine.bench import is_alive
from tests.server.lanes import lane_settings, until
from tests.services import RedisService

ENV = {"PATH": os.defpath}
LOOP = """
import faulthandler, os, socket, sys, time
faulthandler.enable()
platform = socket.socket(fileno=3)
job = platform.makefile("rb").readline()
def deep_inside():
    while True: time.sleep(0.01)
%s
"""


@asynccontextmanager
async def pool_of(*argv: str, **more: Any) -> AsyncIterator[Pool]:
    pool = Pool(CommandSource(argv, ENV), 1, 1000, **more)
    pool.start()
    try:
        yield pool
    finally:
        await pool.stop()


async def no_ask(_ask: dict[str, Any]) -> dict[str, Any]:
    return {}


async def fate(pool: Pool, deadline_s: float = 20) -> WorkerDied:
    """Return what becomes of one job."""
    worker = await pool.acquire()
    with pytest.raises(WorkerDied) as died:
        await worker.run({"job": "1", "token": "vk1.canary"}, deadline_s, no_ask)
    worker.release()
    return died.value


def python(deed: str) -> list[str]:
    return [sys.executable, "-I", "-S", "-c", LOOP % deed]


@pytest.mark.parametrize(
    ("deed", "how", "words"),
    [
        ("import ctypes; ctypes.string_at(0)", "killed by SIGSEGV", "Fatal Python error: Segmentation fault"),
        ("sys.exit('no vk1.canary here')", "exited with 1", "no *** here"),
        ("os.kill(os.getpid(), 9)", "killed by SIGKILL", ""),
        ("os.close(3); time.sleep(60)", "it closed its socket", ""),
    ],
)
def test_how_a_worker_ended_is_known_with_its_last_words(deed: str, how: str, words: str) -> None:
    async def scene() -> None:
        async with pool_of(*python(deed)) as pool:
            died = await fate(pool)
            assert str(died).endswith(f"ended without a verdict: {how}")
            assert words in died.last_words and "canary" not in died.last_words

    asyncio.run(scene())


def test_a_worker_that_hangs_says_where_before_it_is_killed() -> None:
    async def scene() -> None:
        async with pool_of(*python("print('in it', flush=True); deep_inside()")) as pool:
            worker = await pool.acquire()
            task = asyncio.create_task(worker.run({"job": "1"}, 3.0, no_ask))
            with pytest.raises(DeadlineMissed, match="no verdict within 3 s") as missed:
                await task
            assert "in deep_inside" in missed.value.last_words
            assert not is_alive(worker.pid)

    asyncio.run(scene())


def test_nonsense_is_named_and_ends_the_worker() -> None:
    async def scene() -> None:
        async with pool_of(*python("os.write(3, b'hello\\n'); deep_inside()")) as pool:
            assert "broke the protocol: not JSON" in str(await fate(pool))
            await until(lambda: pool.trouble("worker", "engine"))
            trouble = pool.trouble("worker", "engine")
            assert trouble is not None and trouble.reason and "broke the protocol" in trouble.reason

    asyncio.run(scene())


def test_a_program_that_is_not_there_is_no_messages_fault(tmp_path: Path) -> None:
    async def scene() -> None:
        for name in (str(tmp_path / "missing"), str(tmp_path)):
            async with pool_of(name) as pool:
                assert isinstance(await fate(pool), NeverRan)
                await until(lambda pool=pool: pool.trouble("worker", "engine"))  # type: ignore[misc]

    asyncio.run(scene())


def test_what_a_worker_started_dies_with_it(tmp_path: Path) -> None:
    told = f"open({str(tmp_path / 'pid')!r}, 'w').write(str(pid))"
    deed = f"pid = os.fork()\nif pid == 0: deep_inside()\n{told}\nsys.exit(1)"

    async def scene() -> None:
        async with pool_of(*python(deed)) as pool:
            await fate(pool)
            child = int((tmp_path / "pid").read_text())
            await until(lambda: not is_alive(child))

    asyncio.run(scene())


def test_a_worker_is_bounded_before_its_first_job() -> None:
    async def scene() -> None:
        async with pool_of(*python("deep_inside()"), limits=Limits(200, 20)) as pool:
            worker = await pool.acquire()
            limits = {
                resource.RLIMIT_DATA: 200 << 20,
                resource.RLIMIT_FSIZE: 20 << 20,
                resource.RLIMIT_CORE: 0,
            }
            for what, value in limits.items():
                assert resource.prlimit(worker.pid, what) == (value, value)
            assert Path(f"/proc/{worker.pid}/oom_score_adj").read_text() == "500\n"

    asyncio.run(scene())


def test_the_zygotes_workers_are_alone_in_a_group_of_their_own_and_their_end_is_told(
    redis_service: RedisService, tmp_path: Path
) -> None:
    settings = lane_settings(redis_service, tmp_path)
    zygote = spawn(python_argv(settings, "engine.zygote"), env=child_environment(settings), control=True)

    async def scene() -> None:
        source = ZygoteSource()
        source.attach(zygote.control)  # type: ignore[arg-type]
        started = await source.start_worker()
        await until(lambda: os.getpgid(started.pid) == started.pid)
        await until(lambda: resource.prlimit(started.pid, resource.RLIMIT_NPROC) == (0, 0))
        os.kill(started.pid, 11)
        assert await started.how_ended() == "killed by SIGSEGV"
        assert started.output is not None
        os.set_blocking(started.output, True)
        assert b"Fatal Python error: Segmentation fault" in os.read(started.output, 1 << 16)
        os.close(started.output)
        os.close(started.pidfd)
        started.job_socket.close()
        zygote.kill()
        source.detach()

    asyncio.run(scene())
    assert zygote.wait(5) is not None


def test_a_worker_that_is_long_at_its_job_has_its_seat_taken_by_a_bounded_number_of_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("server.dispatcher.pool.LAG_S", 0.1)

    async def scene() -> None:
        async with pool_of(*python("deep_inside()"), spares=1) as pool:
            job = {"job": "1", "token": "vk1.canary"}
            first = await pool.acquire()
            jobs = [asyncio.ensure_future(first.run(job, 20, no_ask))]
            second = await asyncio.wait_for(pool.acquire(), 10)
            assert second.pid != first.pid and is_alive(first.pid)
            jobs.append(asyncio.ensure_future(second.run(job, 20, no_ask)))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(pool.acquire(), 0.5)
            os.kill(first.pid, 9)
            await until(lambda: jobs[0].done() and len(pool.pids) == 1)
            await asyncio.wait_for(pool.acquire(), 10)
            for one in jobs:
                one.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)

    asyncio.run(scene())


def test_a_job_that_computes_for_a_moment_costs_no_worker() -> None:
    """The first look into a large base takes that long; with a new worker each time it would be the first for ever."""
    program = """
import json, socket, time
platform = socket.socket(fileno=3).makefile("rwb")
for line in platform:
    end = time.process_time() + 0.6
    while time.process_time() < end: pass
    platform.write(json.dumps({"job": json.loads(line)["job"], "verdict": "ignored"}).encode() + b"\\n")
    platform.flush()
"""

    async def scene() -> None:
        async with pool_of(sys.executable, "-I", "-S", "-c", program) as pool:
            pids = []
            for number in range(2):
                worker = await asyncio.wait_for(pool.acquire(), 10)
                pids.append(worker.pid)
                await worker.run({"job": str(number), "token": "vk1.canary"}, 20, no_ask)
                worker.release()
            assert pids[0] == pids[1]

    asyncio.run(scene())
