"""What a worker of ours bounds by itself: it starts nothing, and its processor time ends with its job.

The platform bounds the rest from outside, and kills at the deadline; these hold also when the platform hangs.
"""

from __future__ import annotations

import math
import resource

SPARE_CPU_S = 5  # above the deadline: the kernel only ends what nobody else did


def stay_alone() -> None:
    """Start no processes and threads from now on. The kernel lets root do it nevertheless."""
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))


def allow_cpu(seconds: float) -> None:
    """Be ended by SIGXCPU after so much more processor time."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
    used = resource.getrusage(resource.RUSAGE_SELF)
    most = math.ceil(used.ru_utime + used.ru_stime + seconds) + SPARE_CPU_S
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (most, hard))
