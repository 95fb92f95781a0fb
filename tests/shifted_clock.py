"""A wall clock that a test sets while a process runs."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_suffix(".c")


class ShiftedClock:
    """``env`` is for the process; ``jump`` sets its clock at once. Skips the test where nothing compiles C."""

    def __init__(self, folder: Path) -> None:
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            pytest.skip("a clock is shifted by a preloaded library, and there is no C compiler here")
        library = folder / "shifted_clock.so"
        subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, SOURCE], check=True)
        self._file = folder / "clock"
        self.off_s = 0
        self.set(0)
        self.env = {"PATH": os.environ["PATH"], "LD_PRELOAD": str(library), "SHIFTED_CLOCK": str(self._file)}

    def set(self, off_s: int) -> None:
        """Let the clock be off by so many seconds from now on."""
        with self._file.open("r+b" if self._file.exists() else "wb", buffering=0) as file:
            file.write(struct.pack("=q", off_s))
        self.off_s = off_s

    def jump(self, by_s: int) -> None:
        self.set(self.off_s + by_s)
