"""What each VK error means for us, as one table (codes: the error list of the schema, and reports of practice)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from db.errors import SaloError


class Action(Enum):
    """What a failed call leads to."""

    RETRY = "retry"  # the same call again, soon; the random_id makes it harmless
    COOL_DOWN = "cool down"  # the same call again, late
    DROP = "drop"  # this recipient cannot be reached: settle, nothing to mend
    FAIL = "fail"  # our bug or a setting of the community: a human must look
    PLAIN = "plain"  # refused because of what it quotes: send it without the quotation


@dataclass(frozen=True, slots=True)
class Meaning:
    """An action, and for repeats the wait before the first of them."""

    action: Action
    after_s: float | None = None


_RETRY = Meaning(Action.RETRY)
_DROP = Meaning(Action.DROP)
_FAIL = Meaning(Action.FAIL)
_PLAIN = Meaning(Action.PLAIN)

_TABLE: dict[int, Meaning] = {
    1: _RETRY,
    6: Meaning(Action.RETRY, 1.0),
    9: Meaning(Action.COOL_DOWN, 180.0),  # too many identical messages to one peer
    10: _RETRY,
    14: Meaning(Action.COOL_DOWN, 120.0),  # a captcha cannot be solved here
    29: Meaning(Action.COOL_DOWN, 300.0),  # the method's own quota
    36: _RETRY,
    **dict.fromkeys((18, 30, 113), _DROP),
    **dict.fromkeys((900, 901, 902, 917, 922, 927, 932, 935, 936), _DROP),
    **dict.fromkeys((945, 946, 950, 962, 985, 987, 988, 1012, 1021), _DROP),
    **dict.fromkeys((913, 920, 921, 969), _PLAIN),
    **dict.fromkeys((983, 984), Meaning(Action.COOL_DOWN, 300.0)),
}


def meaning(code: int) -> Meaning:
    """Return what an error leads to. A code nobody has seen is permanent: a human must look."""
    return _TABLE.get(code, _FAIL)


class VkError(SaloError):
    """VK answered with an error. Its text never holds the token."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"VK error {code}: {text[:300]}")
        self.code = code

    @property
    def meaning(self) -> Meaning:
        return meaning(self.code)


class VkUnavailable(SaloError):
    """No answer, or none that VK's API gives: nobody knows whether the call took effect.

    ``is_broken`` when the connection was cut, as a server does with one that was idle for long.
    """

    def __init__(self, text: str, *, is_broken: bool = False) -> None:
        super().__init__(f"VK unavailable: {text[:300]}")
        self.is_broken = is_broken


_TOKENS = re.compile(r"(access_token\W{1,8})[\w.\-]+|\bvk1\.[a-z]\.[\w\-]+", re.IGNORECASE)


def redacted(text: str, token: str = "") -> str:
    """Return ``text`` without ``token`` and without whatever looks like one."""
    if token:
        text = text.replace(token, "***")
    return _TOKENS.sub(lambda found: (found[1] or "") + "***", text)
