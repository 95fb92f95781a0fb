"""Finds and kills the real processes of a stage, and looks for what must not be left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import Any

from db.settings import Settings


def salo(settings: Settings, *words: str, stdin: str = "", timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
    """Run ``salo`` as a shell would, against the stage's state directory."""
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "SALO_HOME": str(settings.home)}
    return subprocess.run(
        [sys.executable, "-I", "-m", "server.cli", "--config", str(settings.source), *words],
        input=stdin, capture_output=True, text=True, timeout=timeout_s, env=environment,
    )  # fmt: skip


def status(settings: Settings) -> dict[str, Any]:
    """Return what ``salo status --json`` prints."""
    told = salo(settings, "status", "--json")
    assert told.returncode == 0, told.stderr
    found: dict[str, Any] = json.loads(told.stdout)
    return found


def pid_of(settings: Settings, kind: str) -> int:
    """Return the pid of the first living process of a kind."""
    return next(int(item["pid"]) for item in status(settings)["processes"] if item["kind"] == kind and item["pid"])


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
