"""What one attempt tells of VK and of the bot: facts out of a verdict, for the pauses. Pure.

An engine may be somebody else's: what it says of VK is read leniently, and one that says nothing is believed too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.vk.table import Action, Meaning, meaning
from server.dispatcher.verdicts import Verdict

SEND = "messages.send"
TEXT_MAX = 200
_SETTLED = frozenset({"done", "ignored", "unsolved"})


@dataclass(frozen=True, slots=True)
class Failure:
    """What VK refused. ``code`` is 0 when it gave no answer; ``is_silent``: it took the call, and said nothing."""

    method: str
    code: int
    text: str
    is_silent: bool = False

    @property
    def meaning(self) -> Meaning | None:
        return meaning(self.code, self.text) if self.code else None

    @property
    def action(self) -> Action | None:
        found = self.meaning
        return found.action if found else None


@dataclass(frozen=True, slots=True)
class Trial:
    """The end of one attempt. ``is_failed``: by its own fault, as far as anybody knows, and no outage's."""

    is_settled: bool
    is_good: bool  # the bot did what it is for; what it leaves alone says nothing of it
    is_failed: bool
    answered: frozenset[str] = frozenset()  # methods that VK did
    failures: tuple[Failure, ...] = ()
    reason: str = ""

    @property
    def is_spared(self) -> bool:
        """Is the event not to blame for what VK refused, whatever the engine made of it?"""
        blameless = (Action.STOP_BOT, Action.PAUSE_METHOD, Action.SLOW_DOWN)
        return not self.is_settled and any(failure.action in blameless for failure in self.failures)

    @property
    def is_refused(self) -> bool:
        """Did VK clearly say no for now, so that nobody has seen anything of the reply?"""
        refusing = (Action.STOP_BOT, Action.PAUSE_METHOD, Action.SLOW_DOWN, Action.COOL_DOWN)
        said_no = any(failure.action in refusing for failure in self.failures)
        return not self.is_settled and said_no and all(failure.code for failure in self.failures)


def trial_of(verdict: Verdict) -> Trial:
    """Return what a verdict tells."""
    failures = tuple(_failures(verdict.raw.get("vk_errors")))
    is_settled = verdict.outcome in _SETTLED
    methods = frozenset(_answered(verdict.raw, is_settled))
    is_of_peer = any(failure.action is Action.COOL_DOWN for failure in failures)
    is_failed = not (is_settled or verdict.outage or is_of_peer)
    is_good = is_settled and verdict.outcome != "ignored"
    return Trial(is_settled, is_good, is_failed, methods, failures, verdict.reason[:TEXT_MAX])


def _answered(raw: Mapping[str, Any], is_settled: bool) -> list[str]:
    """Return the methods that VK did. An engine that does not tell has sent the reply that it reports."""
    answered = raw.get("vk_answered")
    if isinstance(answered, list):
        return [str(method) for method in answered]
    return [SEND] if is_settled and raw.get("reply") else []


def _failures(raw: object) -> list[Failure]:
    found = []
    for item in raw if isinstance(raw, list) else []:
        code = item.get("code") if isinstance(item, Mapping) else None
        if isinstance(item, Mapping) and isinstance(code, int) and not isinstance(code, bool):
            found.append(Failure(*_words(item, code), is_silent=item.get("kind") == "silent"))
    return found


def _words(item: Mapping[str, Any], code: int) -> tuple[str, int, str]:
    # An error without a number is one that nobody has seen, and not silence.
    number = code or (-1 if item.get("kind") == "error" else 0)
    return str(item.get("method") or "")[:64], number, str(item.get("text") or "")[:TEXT_MAX]
