"""What the workers of one host know together: whether MariaDB answers. One that did not is spared for a while.

Talk can do without it, and a question costs seconds when nobody answers: one worker finds out for all.
"""

from __future__ import annotations

import mmap
import struct
import time
from collections.abc import Callable

SPARE_S = 5.0  # after a question without an answer
ASKING_S = 3.0  # that the others wait for the one that asks again

_FORM = struct.Struct("@d")
COMMON = mmap.mmap(-1, _FORM.size)  # made before the workers are forked, so that they have it in common


class Sparing:
    """When MariaDB is to be asked again, by the monotonic clock, which is one for all processes; 0: it answers.

    ``memory`` is where that is written: ``COMMON``, or one of its own.
    """

    def __init__(self, memory: mmap.mmap | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._memory = mmap.mmap(-1, _FORM.size) if memory is None else memory
        self._clock = clock

    def may_ask(self) -> bool:
        """Say whether to ask now. Of all who come when the time is over, one is told to."""
        until_s, now_s = self._until_s(), self._clock()
        if until_s and now_s < until_s:
            return False
        if until_s:
            self._write(now_s + ASKING_S)
        return True

    def answered(self) -> None:
        """Note that it answers."""
        if self._until_s():
            self._write(0.0)

    def was_silent(self) -> None:
        """Note that it did not answer, or could not do what it was asked for."""
        self._write(self._clock() + SPARE_S)

    def _until_s(self) -> float:
        return float(_FORM.unpack_from(self._memory)[0])

    def _write(self, until_s: float) -> None:
        _FORM.pack_into(self._memory, 0, until_s)
