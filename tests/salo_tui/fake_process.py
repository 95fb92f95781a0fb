"""The control server of tests as a process of its own, which obeys orders."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from db.state import StateDir, reachable
from tests.services import wait_until

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def fake_process(home: Path, *arguments: str) -> Iterator[Callable[..., Any]]:
    """Serve ``home`` by a process within the block; it gives a function that has an order obeyed."""
    path = StateDir(home).control_socket
    command = [sys.executable, "-m", "tests.salo_tui.fake_control", str(home), *arguments]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL)
    try:
        wait_until(lambda: path.exists() or process.poll() is not None, timeout_s=15)
        assert process.poll() is None, "the fake platform ended"
        yield lambda do, **params: _ordered(path, do, params)
    finally:
        process.terminate()
        process.wait(10)


def _ordered(path: Path, do: str, params: dict[str, Any]) -> Any:
    """Send one order and return what it gives, when it is done."""
    with socket.socket(socket.AF_UNIX) as wire:
        wire.settimeout(60)
        wire.connect(reachable(path))
        request = {"jsonrpc": "2.0", "id": 1, "method": "order", "params": {"do": do, **params}}
        wire.sendall(json.dumps(request).encode() + b"\n")
        with wire.makefile("rb") as lines:
            answer = json.loads(lines.readline())
    assert "error" not in answer, answer
    return answer["result"]
