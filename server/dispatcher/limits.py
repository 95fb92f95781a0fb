"""What the kernel lets a worker have: memory, file size, no core. Set from outside, before its first job.

So any engine's program is bounded, in whatever language. Memory is what it writes to (``RLIMIT_DATA``): address space
that a runtime only reserves, and files that it maps, do not count.
"""

from __future__ import annotations

import contextlib
import logging
import resource
from dataclasses import dataclass
from pathlib import Path

from db.settings import Settings

OOM_SCORE = "500"  # when memory runs out, the disposable go first

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """The numbers, in MiB."""

    memory_mb: int = 1024
    file_mb: int = 512

    def put_on(self, pid: int) -> None:
        """Bound a process, and what it starts from now on. A process that is gone already is no error."""
        wanted = {
            resource.RLIMIT_DATA: self.memory_mb << 20,
            resource.RLIMIT_FSIZE: self.file_mb << 20,
            resource.RLIMIT_CORE: 0,
        }
        try:
            for what, value in wanted.items():
                _soft, hard = resource.prlimit(pid, what)
                most = value if hard == resource.RLIM_INFINITY else min(value, hard)
                resource.prlimit(pid, what, (most, most))
        except ProcessLookupError:
            return
        except (OSError, ValueError) as error:
            log.warning("worker is not bounded pid=%d error=%s", pid, error)
        with contextlib.suppress(OSError):  # a container may forbid it
            Path(f"/proc/{pid}/oom_score_adj").write_text(OOM_SCORE, encoding="ascii")


def worker_limits(settings: Settings) -> Limits:
    """Return what ``[engine]`` says."""
    return Limits(settings.engine.worker_memory_max_mb, settings.engine.worker_file_max_mb)
