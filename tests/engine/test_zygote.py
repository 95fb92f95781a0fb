"""The zygote's workers: born quickly and clean, dead with their parent, replaced when worn."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.engine.bench import Bench, Zygote, is_alive, open_room, wait_gone
from tests.services import wait_until


@pytest.fixture
def bench(clean_redis: redis.Redis, storage_tables: str, tmp_path: Path) -> Iterator[Bench]:
    with open_room(tmp_path, storage_tables, engine="jobs_per_worker = 2") as room:
        bench = room.bench(clean_redis)
        bench.know()
        bench.learn(("привет", "И тебе!"))
        yield bench


def test_a_worker_inherits_its_job_socket_and_nothing_else(bench: Bench) -> None:
    workers = [bench.zygote.fork() for _ in range(3)]
    for worker in workers:
        wait_until(lambda pid=worker.pid: len(_descriptors(pid)) == 4)
    assert len({worker.pid for worker in workers}) == 3


def _descriptors(pid: int) -> list[Path]:
    return list(Path(f"/proc/{pid}/fd").iterdir())


def test_forking_is_quick(bench: Bench) -> None:
    bench.zygote.fork()
    started = time.monotonic()
    for _ in range(20):
        bench.zygote.fork()
    assert (time.monotonic() - started) / 20 < 0.05


def test_a_worker_is_replaced_after_its_number_of_jobs(bench: Bench) -> None:
    worker = bench.zygote.fork()
    assert worker.run(bench.job("привет"))["retire"] is False
    assert worker.run(bench.job("привет"))["retire"] is True
    worker.wait_ended()


def test_workers_die_with_a_killed_zygote(bench: Bench) -> None:
    worker = bench.zygote.fork()
    worker.run(bench.job("привет"))
    bench.zygote.process.kill()
    bench.zygote.process.wait()
    wait_gone(worker.pid)


def test_zygote_and_workers_end_when_the_control_socket_closes(bench: Bench) -> None:
    worker = bench.zygote.fork()
    bench.zygote.control.close()
    assert bench.zygote.process.wait(5) == 0
    wait_gone(worker.pid)


def test_zygote_ends_at_sigterm(bench: Bench) -> None:
    bench.zygote.fork()
    bench.zygote.process.send_signal(signal.SIGTERM)
    assert bench.zygote.process.wait(5) == 0


def test_workers_that_end_together_leave_no_zombie_and_the_zygote_goes_on(bench: Bench) -> None:
    workers = [bench.zygote.fork() for _ in range(8)]
    bench.zygote.process.send_signal(signal.SIGSTOP)
    for worker in workers:
        signal.pidfd_send_signal(worker.pidfd, signal.SIGKILL)
    bench.zygote.process.send_signal(signal.SIGCONT)
    for worker in workers:
        wait_until(lambda pid=worker.pid: not Path(f"/proc/{pid}").exists())
    assert bench.zygote.fork().run(bench.job("привет"))["verdict"] == "done"
    assert is_alive(bench.zygote.process.pid)


def test_a_worker_ends_when_the_platform_closes_its_socket(bench: Bench) -> None:
    worker = bench.zygote.fork()
    worker.close()
    worker.wait_ended()


def test_orders_may_come_glued_together(bench: Bench, tmp_path: Path) -> None:
    zygote = Zygote(bench.settings.source, tmp_path / "home", tmp_path / "stream.log", socket.SOCK_STREAM)
    zygote.control.sendall(b"forkfo")
    pids = set()
    for rest in (b"rk", b""):
        zygote.control.sendall(rest)
        zygote.control.settimeout(20)
        message, descriptors, _, _ = socket.recv_fds(zygote.control, 4096, 4)
        assert len(descriptors) == 3
        pids.add(message)
        for descriptor in descriptors:
            os.close(descriptor)
    assert len(pids) == 2
    zygote.stop()


def test_an_unknown_order_ends_the_zygote(bench: Bench) -> None:
    bench.zygote.control.sendall(b"dance")
    assert bench.zygote.process.wait(20) == 0


def test_the_engine_runs_as_a_program_of_its_own_on_descriptor_3(bench: Bench, tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()
    code = "import os, sys; os.dup2(int(sys.argv[1]), 3); os.execv(sys.argv[2], sys.argv[2:])"
    argv = [sys.executable, "-I", "-m", "engine", "--config", str(bench.settings.source)]
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-I", "-c", code, str(theirs.fileno()), *argv],
            pass_fds=[theirs.fileno()],
            env={"PATH": os.defpath, "SALO_HOME": str(bench.settings.home)},
        )
    ours.sendall(json.dumps(bench.job("привет")).encode() + b"\n")
    ours.settimeout(20)
    with ours.makefile("rb") as lines:
        assert json.loads(lines.readline())["verdict"] == "done"
    ours.close()
    assert process.wait(10) == 0
