"""What VK said to one job: which methods it answered, which it refused, and how. Lanes learn it from the verdict."""

from __future__ import annotations

from typing import Any

from engine.vk.errors import VkError, VkUnavailable

FAILURES_MAX = 8  # a job of ours makes fewer different calls


class Heard:
    """Filled by the client as it calls. A method that was answered after all has failed nevertheless."""

    def __init__(self) -> None:
        self._answered: dict[str, None] = {}
        self._failures: dict[tuple[str, int, str], dict[str, Any]] = {}

    def answered(self, method: str) -> None:
        """Note that VK did what ``method`` asks for."""
        self._answered[method] = None

    def failed(self, method: str, error: VkError | VkUnavailable) -> None:
        """Note a refusal, also one that stood in an answer that looked well; then that method was not answered."""
        self._answered.pop(method, None)
        code = error.code if isinstance(error, VkError) else 0
        kind = "error" if isinstance(error, VkError) else "silent" if error.is_silent else "unavailable"
        if len(self._failures) < FAILURES_MAX:
            told = {"method": method, "code": code, "kind": kind, "text": error.text.removeprefix(f"{method}: ")}
            self._failures[method, code, kind] = told

    def copy(self) -> Heard:
        """Return what goes on by itself from here: each part of a batch begins with what VK said to all of it."""
        other = Heard()
        other._answered, other._failures = dict(self._answered), dict(self._failures)
        return other

    @property
    def is_in_doubt(self) -> bool:
        """Was there a call of which nobody knows whether it took effect?"""
        return any(failure["kind"] != "error" for failure in self._failures.values())

    def as_fields(self) -> dict[str, Any]:
        """Return the fields of the verdict."""
        return {"vk_answered": list(self._answered), "vk_errors": list(self._failures.values())}
