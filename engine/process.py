"""What every process of the engine does first: read its settings, log to stderr, die with its parent."""

from __future__ import annotations

import argparse
import ctypes
import faulthandler
import logging
import os
import signal
import sys
from pathlib import Path

from db.errors import SaloError
from db.one_line import log_to_stderr
from db.settings import Settings, load_settings

JOB_FD = 3  # where a worker, and the zygote, find their socket
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)  # loaded before any fork
EXIT_ORPHAN = 71


def read_settings(arguments: list[str], program: str) -> Settings:
    """Return the settings that ``--config`` names; ends the process when they cannot be used."""
    parser = argparse.ArgumentParser(prog=program)
    parser.add_argument("--config", type=Path)
    try:
        return load_settings(parser.parse_args(arguments).config)
    except SaloError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)


def set_up_logging(settings: Settings) -> None:
    """Log to stderr, which the platform keeps in this process' log file."""
    log_to_stderr(
        settings.platform.log_level.upper(),
        "%(asctime)s %(levelname)s %(name)s pid=%(process)d %(message)s",
        force=True,
    )
    for chatty in ("urllib3", "vk_api", "peewee"):  # their debug lines hold whole requests
        logging.getLogger(chatty).setLevel(logging.WARNING)


def start_as_child() -> None:
    """Leave Ctrl+C to the platform, which stops us in its order; say where we are when a signal ends us."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    faulthandler.enable()  # SIGSEGV, SIGBUS, SIGFPE, SIGILL, and SIGABRT, which the platform sends at the deadline
    faulthandler.register(signal.SIGXCPU, chain=True)


def die_with_parent(parent: int) -> None:
    """Be killed when process ``parent`` ends; end at once when it already has. A fork forgets this."""
    if _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:
        os._exit(EXIT_ORPHAN)


def close_other_descriptors(keep: set[int]) -> None:
    """Close every descriptor above stderr but ``keep``: what a forked child inherited belongs to others."""
    for descriptor in [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]:
        if descriptor > 2 and descriptor not in keep:
            try:
                os.close(descriptor)
            except OSError:
                continue  # the listing's own


def thread_count() -> int:
    """Return how many threads this process has, those of libraries too."""
    return len(list(Path("/proc/self/task").iterdir()))
