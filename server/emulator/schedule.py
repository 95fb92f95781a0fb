"""What VK makes of an answer to a callback: accept, try again and when, obey a magic word, give up. Pure."""

from __future__ import annotations

import email.utils
import re
from collections.abc import Mapping
from dataclasses import dataclass

RETRY_DELAYS_S = (10.0, 180.0, 600.0, 1800.0, 3600.0)
RETRY_AFTER_STATUSES = (410, 429, 503)
RETRY_AFTER_BELOW_S = 3 * 3600
_VERSION = re.compile(rb"version (\d+\.\d+)")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back from a callback server; ``status`` 0 means that nothing did, and ``fault`` says why."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] | None = None
    fault: str = ""

    @property
    def told(self) -> int | str:
        """The status as the deliveries list it."""
        if self.status == 0:
            return self.fault
        return self.status if self.status != 200 or self.body == b"ok" else "200 but not ok"


@dataclass(frozen=True, slots=True)
class Accepted:
    """Settled; ``version`` is the API version that the server asked for by a magic word."""

    version: str = ""


@dataclass(frozen=True, slots=True)
class Removed:
    """The server asked to be deleted."""


@dataclass(frozen=True, slots=True)
class Again:
    """To be tried after ``delay_s`` (not scaled); ``postponed`` when the server itself named the time."""

    delay_s: float
    postponed: bool = False


@dataclass(frozen=True, slots=True)
class GivenUp:
    """No further attempt is documented."""


def judge(
    answer: Answer, failed: int, postponed: int, now: float, *, postponed_counts: bool
) -> Accepted | Removed | Again | GivenUp:
    """Return what follows an answer, after ``failed`` earlier attempts of which ``postponed`` named their delay.

    Whether a delay that the server named uses up a step of the schedule is not documented; ``postponed_counts``
    decides. The total is bounded either way: a postponement that does not count is allowed a hundred times.
    """
    if answer.status == 200:
        if answer.body == b"ok":
            return Accepted()
        if answer.body == b"remove":
            return Removed()
        version = _VERSION.fullmatch(answer.body)
        if version:
            return Accepted(version[1].decode())
    wait = retry_after_s(answer, now)
    step = failed if postponed_counts else failed - postponed
    if wait is not None and (step < len(RETRY_DELAYS_S) if postponed_counts else postponed < 100):
        return Again(wait, postponed=True)
    return Again(RETRY_DELAYS_S[step]) if step < len(RETRY_DELAYS_S) else GivenUp()


def retry_after_s(answer: Answer, now: float) -> float | None:
    """Return the delay that the server asked for: seconds or an HTTP date, less than three hours."""
    value = (answer.headers or {}).get("Retry-After", "").strip()
    if answer.status not in RETRY_AFTER_STATUSES or not value:
        return None
    if value.isdecimal():
        wait = float(value)
    else:
        try:
            wait = max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - now)
        except ValueError:
            return None
    return wait if wait < RETRY_AFTER_BELOW_S else None
