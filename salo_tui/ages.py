"""How long ago something was, in steps so coarse that what is shown changes seldom. Pure but for ``now_ms``."""

from __future__ import annotations

import time

from db.texts import _
from salo_tui.words import duration

MINUTE_MS = 60_000
TURN_S = 60.0  # how often ages on a screen are worth another look


def now_ms() -> int:
    """Return this host's clock, in milliseconds since 1970."""
    return int(time.time() * 1000)


def age(at_ms: int, at_now_ms: int) -> str:
    """Return how long ago a moment was: ``now`` within the first minute, then ``7 min``, ``3 h``, ``2 d``."""
    passed_ms = at_now_ms - at_ms
    return _("now") if passed_ms < MINUTE_MS else duration(passed_ms // 1000)
