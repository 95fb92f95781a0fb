"""Watches for the first use of an answer that was given here, so that whoever gave it sees the bot say it. Pure."""

from __future__ import annotations

import re
from collections import OrderedDict
from typing import Any

TAUGHT_MAX = 100
_WORDS = re.compile(r"\w+")


class Taught:
    """Phrases that were answered in this terminal and that no bot has used yet; the oldest are forgotten."""

    def __init__(self) -> None:
        self._phrases: OrderedDict[tuple[str, ...], None] = OrderedDict()

    def add(self, phrase: str) -> None:
        self._phrases[_words(phrase)] = None
        while len(self._phrases) > TAUGHT_MAX:
            self._phrases.popitem(last=False)

    def is_used_by(self, event: dict[str, Any]) -> bool:
        """Return whether a bot has just answered one of the phrases; each tells so once."""
        if not self._phrases or event.get("step") != "done" or not event.get("reply"):
            return False
        said = _words(str(event.get("text", "")))
        for phrase in self._phrases:
            if phrase and phrase == said[-len(phrase) :]:  # before it may stand how the bot was called
                del self._phrases[phrase]
                return True
        return False


def _words(text: str) -> tuple[str, ...]:
    return tuple(_WORDS.findall(text.lower().replace("ё", "е")))
