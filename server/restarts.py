"""When a child that ended is started again, and when it counts as failed. Arithmetic: no clock, no waiting."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class RestartRules:
    """The numbers of the policy."""

    first_s: float = 0.2  # the wait after the first failure; doubles with each further one
    most_s: float = 30.0
    jitter: float = 0.2  # ± this part of it, so that not all come back at once
    healthy_s: float = 60.0  # being up for so long makes up for all failures
    window_s: float = 60.0
    failures_max: int = 5  # within the window; one more is FAILED
    failed_retry_s: float = 30.0  # between the tries of an essential child that is FAILED


@dataclass(frozen=True, slots=True)
class RestartHistory:
    """What a child's past means for its next start."""

    failures: tuple[float, ...] = ()  # when, within the window
    in_a_row: int = 0
    is_failed: bool = False


@dataclass(frozen=True, slots=True)
class Restart:
    """What to do about a failure: wait ``delay_s`` and start, or, when it is ``None``, wait for the operator."""

    history: RestartHistory
    delay_s: float | None


def after_failure(
    history: RestartHistory,
    *,
    now_s: float,
    up_s: float,
    essential: bool,
    dice: random.Random,
    rules: RestartRules,
) -> Restart:
    """Return what follows when a child ended unasked at ``now_s``, after being up and ready for ``up_s``."""
    if up_s >= rules.healthy_s:
        history = RestartHistory()
    recent = tuple(at_s for at_s in history.failures if now_s - at_s < rules.window_s)[-rules.failures_max :]
    history = replace(history, failures=(*recent, now_s), in_a_row=history.in_a_row + 1)
    if history.is_failed or len(history.failures) > rules.failures_max:
        history = replace(history, is_failed=True)
        return Restart(history, rules.failed_retry_s if essential else None)
    # The exponent is bounded, since a number that doubles for a week is no float any more.
    delay_s = min(rules.first_s * 2 ** min(history.in_a_row - 1, 32), rules.most_s)
    return Restart(history, delay_s * dice.uniform(1 - rules.jitter, 1 + rules.jitter))
