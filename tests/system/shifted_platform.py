"""``salo`` as it is, but it and its children live by a clock that a test sets. For the tests alone.

``argv`` begins with what ``ShiftedClock`` preloads, and the file that it reads.
"""

from __future__ import annotations

import os
import sys

import server.process
from server.cli import main

NAMES = ("LD_PRELOAD", "SHIFTED_CLOCK")

if __name__ == "__main__":
    if NAMES[0] not in os.environ:
        environment = {**os.environ, **dict(zip(NAMES, sys.argv[1:3], strict=True))}
        os.execve(sys.executable, [sys.executable, "-I", *sys.argv], environment)
    del sys.argv[1:3]
    server.process._PASSED_ON += NAMES
    sys.exit(main())
