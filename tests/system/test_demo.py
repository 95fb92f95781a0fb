"""``salo demo``, as a newcomer runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.services import wait_until


def demo(*words: str, home: Path) -> subprocess.CompletedProcess[str]:
    """Run the demo in an empty HOME."""
    return subprocess.run(
        [sys.executable, "-I", "-m", "server.cli", "demo", *words],
        capture_output=True, text=True, timeout=110, env={"PATH": os.environ["PATH"], "HOME": str(home)},
    )  # fmt: skip


def test_the_headless_demo_answers_everybody_once_and_in_order(tmp_path: Path) -> None:
    told = demo("--headless", "--seconds", "8", "--rate", "20", "--json", home=tmp_path)
    assert told.returncode == 0, told.stdout + told.stderr
    summary = json.loads(told.stdout.splitlines()[-1])
    assert set(summary) == {
        "events", "replies", "unsolved", "commands", "lost", "duplicated", "out_of_order", "latency_ms"
    }  # fmt: skip
    assert (summary["lost"], summary["duplicated"], summary["out_of_order"]) == (0, 0, 0)
    assert summary["events"] >= 140
    assert summary["replies"] > summary["events"] * 0.5
    assert summary["unsolved"] > 0
    assert summary["commands"] > 0
    assert 0 < summary["latency_ms"]["p50"] <= summary["latency_ms"]["p99"]
    assert not list(tmp_path.rglob("*")), "the demo leaves nothing in HOME"


def test_demo_that_is_interrupted_while_it_sets_the_stage_ends_at_once_and_leaves_nothing(tmp_path: Path) -> None:
    home, passing = tmp_path / "home", tmp_path / "passing"
    home.mkdir()
    passing.mkdir()
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "TMPDIR": str(passing)}
    words = [sys.executable, "-I", "-m", "server.cli", "demo", "--headless"]
    with subprocess.Popen(words, stderr=subprocess.PIPE, env=environment, start_new_session=True, text=True) as demo:
        assert demo.stderr is not None
        wait_until(lambda: list(passing.glob("salo-demo-*/platform.log")), timeout_s=30)  # the platform is on its way
        os.killpg(demo.pid, signal.SIGINT)
        told = demo.communicate(timeout=30)[1]
        assert demo.returncode == 130, told
        assert len(told.splitlines()) == 2, "no summary of nothing"
    assert not list(passing.iterdir()) and not list(home.iterdir())
