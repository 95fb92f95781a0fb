"""What the subscribers are told of a message at its end: the beginning of what was said and of the reply. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from server.dispatcher.rows import message_of, said

SHOWN_MAX = 300  # letters

# People do paste tokens into chats: VK's own, old and new, are never shown.
_TOKEN = re.compile(r"vk1\.a\.[\w-]{8,}|(?<![0-9a-f])[0-9a-f]{80,}(?![0-9a-f])")


UNTOLD = {"text": "", "reply": ""}  # of an event that nobody read


def told_end(event: object, verdict: Mapping[str, Any]) -> dict[str, str]:
    """Return ``text`` and ``reply`` of an event that was handled; empty where there is none.

    Neither is trusted: an inbox may hold anything that is JSON, and an engine may be somebody else's.
    """
    match, parts = verdict.get("match") or {}, (verdict.get("reply") or {}).get("parts")
    first = parts[0] if isinstance(parts, list) and parts and isinstance(parts[0], Mapping) else {}
    message = message_of(event) if isinstance(event, Mapping) else {}
    return {"text": shown(said(match, message)), "reply": shown(str(first.get("text") or ""))}


def shown(text: str) -> str:
    """Return the beginning of a text, without what looks like a token."""
    beginning = _TOKEN.sub("***", text[: 2 * SHOWN_MAX])
    return beginning if len(beginning) <= SHOWN_MAX else beginning[: SHOWN_MAX - 1] + "…"
