"""The time of a log line, as it is shown and as it is looked for: in the zone of whoever reads."""

from __future__ import annotations

import time
from functools import lru_cache


def clock(at_ms: int) -> str:
    """Return hours, minutes and seconds."""
    return _clock(at_ms // 1000, time.tzname)


def clock_ms(at_ms: int) -> str:
    """Return them with milliseconds, as a wide pane has them; a narrow one shows the beginning of it."""
    return f"{clock(at_ms)}.{at_ms % 1000:03}"


@lru_cache(4096)
def _clock(second: int, _zone: tuple[str, str]) -> str:
    return time.strftime("%H:%M:%S", time.localtime(second))
