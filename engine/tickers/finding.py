"""What a tick finds: one state, and words that name the way out; told in the operator's language, logged in English."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from db.protocol import HealthState
from db.texts import _

_ORDER: tuple[HealthState, ...] = ("ok", "warn", "bad")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. ``text`` is a source for the catalogue, ``values`` fill its names."""

    state: HealthState
    text: str = ""
    values: Mapping[str, object] = field(default_factory=dict)
    ms: float | None = None  # how long what was asked took to answer
    has_more: bool = False  # the work is not done; the next tick is to come soon

    def told(self) -> str:
        """Return the text in the language in use."""
        return _(self.text).format(**self.values) if self.text else ""

    def logged(self) -> str:
        """Return the text as the log has it."""
        return self.text.format(**self.values)


def worst(states: Iterable[HealthState]) -> HealthState:
    """Return the worst of some states; of none ``ok``."""
    return max(states, key=_ORDER.index, default="ok")


def report(findings: Mapping[str, Finding]) -> dict[str, Any]:
    """Return what the verdict tells of a tick: the worst state with what is wrong, and each thing by itself."""
    state = worst(finding.state for finding in findings.values())
    wrong = {name: finding for name, finding in findings.items() if finding.state != "ok"}
    if len(findings) == 1:
        (only,) = findings.values()
        text, reason, ms = only.told(), only.logged(), only.ms
    else:
        text = "; ".join(f"{name}: {finding.told()}" for name, finding in wrong.items())
        reason = "; ".join(f"{name}: {finding.logged()}" for name, finding in wrong.items())
        ms = None
    return {
        "state": state,
        "text": text,
        "reason": reason,
        "ms": ms,
        "has_more": any(finding.has_more for finding in findings.values()),
        "parts": {
            name: {"state": finding.state, "text": finding.told(), "ms": finding.ms}
            for name, finding in findings.items()
        },
    }


def rounded_ms(seconds: float) -> float:
    """Return a span in milliseconds with two significant digits, so that what is shown seldom changes."""
    return float(f"{max(seconds, 0.0) * 1000:.2g}")
