"""Which processes of this machine belong to a state directory, by their environment or their files."""

from __future__ import annotations

import os
from pathlib import Path

import psutil


def of_home(home: Path) -> list[psutil.Process]:
    """Return every living process but this one that was started for the state directory ``home``."""
    return [process for process in psutil.process_iter() if process.pid != os.getpid() and belongs(process, home)]


def belongs(process: psutil.Process, home: Path) -> bool:
    """Say whether a process lives and was started for ``home``."""
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        if process.environ().get("SALO_HOME") == str(home) or process.cwd().startswith(str(home)):
            return True
        return any(str(home) in word for word in process.cmdline())
    except psutil.Error:
        return False
