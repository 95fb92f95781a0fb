"""What a VK call raises: VK's own errors, and the want of any answer. What follows from each is in ``table``."""

from __future__ import annotations

import re

from db.errors import SaloError
from engine.vk.table import Action, Meaning, meaning

__all__ = ["Action", "Meaning", "VkError", "VkUnavailable", "meaning", "redacted"]


class VkError(SaloError):
    """VK answered with an error. Its text never holds the token."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"VK error {code}: {text[:300]}")
        self.code = code
        self.text = text[:300]

    @property
    def meaning(self) -> Meaning:
        return meaning(self.code, self.text)


class VkUnavailable(SaloError):
    """No answer, or none that VK's API gives: nobody knows whether the call took effect.

    ``is_broken`` when the connection was cut, as a server does with one that was idle for long; ``is_silent`` when VK
    took the call and said nothing, as it does with a method that was used too much.
    """

    def __init__(self, text: str, *, is_broken: bool = False, is_silent: bool = False) -> None:
        super().__init__(f"VK unavailable: {text[:300]}")
        self.text = text[:300]
        self.is_broken, self.is_silent = is_broken, is_silent


_TOKENS = re.compile(r"(access_token\W{1,8})[\w.\-]+|\bvk1\.[a-z]\.[\w\-]+", re.IGNORECASE)


def redacted(text: str, token: str = "") -> str:
    """Return ``text`` without ``token`` and without whatever looks like one."""
    if token:
        text = text.replace(token, "***")
    return _TOKENS.sub(lambda found: (found[1] or "") + "***", text)
