"""How long a listener waits after an error before it tries again. Pure."""

from __future__ import annotations

import random

from engine.vk.errors import VkError

_DEAD = frozenset({5, 27, 28, 1117})  # the token is refused: at most one try a minute
_QUOTA = 29  # of the method: asking again soon makes it worse
_SOON = frozenset({1, 6, 9, 10, 36})


def pause_s(error: Exception, failures: int, dice: random.Random) -> float:
    """Return the wait after failure number ``failures`` in a row (from 1), ±20 %, so that bots do not come together."""
    first_s, most_s = 0.5, 30.0  # the network, VK's servers, our storage
    if isinstance(error, VkError) and error.code not in _SOON:
        first_s, most_s = (300.0, 3600.0) if error.code == _QUOTA else (60.0, 60.0 if error.code in _DEAD else 600.0)
    return float(min(first_s * 2 ** min(failures - 1, 16), most_s) * dice.uniform(1.0, 1.2))
