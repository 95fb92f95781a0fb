"""Starts a platform for a terminal, in a session of its own, so that neither dies with the other."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from db.protocol import LET_GO
from db.settings import Settings

RESTARTS_MAX, RESTARTS_WITHIN_S = 5, 60.0  # of a platform that died again and again
_FIRST_S, _MOST_S = 0.5, 8.0  # before the first restart, and before any
_WORDS_MAX, _WORDS_BYTES = 8, 8192  # of a platform that could not start
_PASSED_ON = {"PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "LD_LIBRARY_PATH",
              "SSL_CERT_FILE", "SSL_CERT_DIR", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy",
              "no_proxy"}  # fmt: skip


class Tie:
    """A pipe whose other end the platform reads: it stops when we end, however that happens."""

    def __init__(self) -> None:
        self.reading, self._writing = os.pipe()  # neither is inherited by what else we start
        self.is_let_go = False

    def let_go(self) -> None:
        """Let the platform live on after us."""
        os.write(self._writing, LET_GO)
        self.is_let_go = True

    def cut(self) -> None:
        """Let the platform stop now."""
        os.close(self._writing)


def start_platform(settings: Settings, tie: Tie | None = None) -> subprocess.Popen[bytes]:
    """Start ``salo run`` and return at once. Its words go to ``logs/platform.out``. Raises ``OSError``."""
    settings.state.prepare()
    words = ["--detached", *(["--tied-to", str(tie.reading)] if tie else [])]
    output = _fresh_output(settings.state.platform_output)
    try:
        return subprocess.Popen(
            [sys.executable, "-I", "-m", "server.cli", "--config", str(settings.source_now()), "run", *words],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            env=platform_environment(os.environ, settings.home),
            pass_fds=[tie.reading] if tie else [],
            start_new_session=True,
        )
    finally:
        os.close(output)


def platform_environment(environ: Mapping[str, str], home: Path) -> dict[str, str]:
    """Return what of a terminal's environment a platform may know: nothing of the terminal itself."""
    kept = {name: value for name, value in environ.items() if name in _PASSED_ON or name.startswith("SALO_")}
    return {"PATH": os.defpath, "LANG": "C.UTF-8", **kept, "SALO_HOME": str(home)}


def last_words(settings: Settings) -> list[str]:
    """Return the last lines that a platform left in ``logs/platform.out``, oldest first."""
    try:
        with settings.state.platform_output.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _WORDS_BYTES))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return []
    return [line for line in lines if line.strip()][-_WORDS_MAX:]


def restart_delay_s(starts: Sequence[float], now_s: float) -> float | None:
    """Return how long to wait before a platform that died is started again; None when it died too often.

    ``starts`` are the times of the restarts so far. The wait doubles with each within the last minute.
    """
    recent = sum(now_s - start < RESTARTS_WITHIN_S for start in starts)
    return None if recent >= RESTARTS_MAX else min(_FIRST_S * 2**recent, _MOST_S)


def _fresh_output(path: Path) -> int:
    """Return the opened file for a new platform's words; those of the one before it stay in ``.1``."""
    if path.exists():
        path.replace(f"{path}.1")
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
