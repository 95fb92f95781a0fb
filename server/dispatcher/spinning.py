"""A worker that spins yields to all others: its priority is lowered, and it ends after its job.

Others get most of the processor, and it still gets some: a job that only computes for long reaches its end.
"""

from __future__ import annotations

import psutil

SPIN_S = 1.0  # of processor time for one job; less may be the first look into a large base, which is to stay in memory
NICE = 10  # about a tenth of the share of the others


class Spinning:
    """Watches the processor time of one process. A process that is gone took none."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._process: psutil.Process | None = None
        self._before_s = 0.0
        self.is_lowered = False

    def begin(self) -> None:
        """A job begins."""
        self._before_s = self._used_s()

    def look(self) -> None:
        """Lower the priority if the job took too much. For good: the kernel lets nobody but root raise it again."""
        if not self.is_lowered and self._used_s() - self._before_s >= SPIN_S and self._process is not None:
            try:
                self._process.nice(NICE)
            except psutil.Error:
                return
            self.is_lowered = True

    def _used_s(self) -> float:
        try:
            if self._process is None:
                self._process = psutil.Process(self._pid)
            times = self._process.cpu_times()
        except psutil.Error:
            return 0.0
        return float(times.user + times.system)
