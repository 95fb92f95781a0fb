"""``salo chaos`` for a minute: parts of a whole platform are killed and frozen, and every message gets its one reply.

``SALO_CHAOS_MINUTES`` makes it longer, ``SALO_SEED`` repeats a run's dice (processes still race).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

MINUTES = os.environ.get("SALO_CHAOS_MINUTES", "1")
SEED = os.environ.get("SALO_SEED") or str(time.time_ns() % 1_000_000)


@pytest.mark.timeout(float(MINUTES) * 60 + 600)
def test_everything_that_is_killed_costs_nobody_a_reply(tmp_path: Path) -> None:
    print(f"SALO_SEED={SEED}")
    words = ["chaos", "--minutes", MINUTES, "--seed", SEED, "--json", "--rate", "40", "--bots", "6", "--people", "20"]
    told = subprocess.run(
        [sys.executable, "-I", "-m", "server.cli", *words],
        capture_output=True, text=True, env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
    )  # fmt: skip
    assert told.stdout, told.stderr
    report = json.loads(told.stdout.splitlines()[-1])
    print(json.dumps(report, indent=1, ensure_ascii=False))
    bad = {name: report[name] for name in ("lost", "duplicated", "out_of_order", "both", "orphans", "crashes")}
    assert not any(bad.values()), bad
    assert report["events"] > 500 and report["answers"] > report["events"] * 0.5
    assert sum(report["kills"].values()) >= 10, "the harms were done"
    assert told.returncode == 0
    assert not list(tmp_path.rglob("*")), "it leaves nothing in HOME"
