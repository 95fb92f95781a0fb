"""Whether an engine's workers can be started and do anything at all: what the operator is told when they cannot.

Pure. A worker that dies of a message says nothing against its engine, once any worker of it has brought a verdict.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from db.protocol import ProcessInfo, ProcessState

FAILED_AFTER = 5  # failures in a row
CALM_S = 10.0  # without a failure, with all workers there: the trouble of starting them is over


@dataclass(frozen=True, slots=True)
class Starts:
    """Failures in a row, and why the last one. ``at_work``: a job was under way, so only a verdict clears it."""

    failures: int = 0
    reason: str = ""
    last_s: float = 0.0
    at_work: bool = False
    has_worked: bool = False  # some worker has brought a verdict

    def failed(self, reason: str, now_s: float) -> Starts:
        """A worker could not be started, or ended before it got a job."""
        return replace(self, failures=self.failures + 1, reason=reason, last_s=now_s)

    def died_at_work(self, reason: str, now_s: float) -> Starts:
        """A worker without a verdict so far ended during its first job."""
        if self.has_worked:
            return self
        return replace(self.failed(reason, now_s), at_work=True)

    def worked(self) -> Starts:
        """A verdict came."""
        return self if self.has_worked and not self.failures else Starts(has_worked=True)

    def calmed(self, now_s: float, is_full: bool) -> Starts:
        """Return how it stands now; ``is_full``: no worker is missing."""
        is_over = is_full and not self.at_work and now_s - self.last_s > CALM_S
        return Starts(has_worked=self.has_worked) if is_over else self

    def info(self, kind: str, name: str) -> ProcessInfo | None:
        """Return what the operator sees, when something is wrong."""
        if not self.failures:
            return None
        state: ProcessState = "failed" if self.failures >= FAILED_AFTER else "backoff"
        return ProcessInfo(kind, name, None, state, self.failures, None, None, self.reason)
