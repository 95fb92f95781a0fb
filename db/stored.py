"""Stream entries as people name them and as they were stored: what dead letters and queues share."""

from __future__ import annotations

from typing import Any

from db import codec
from db.errors import BadJson


def is_entry_id(text: str) -> bool:
    """Say whether ``text`` is one whole stream id: Redis would take ``-``, ``+`` and half an id for a range."""
    first, dash, second = text.partition("-")
    return text.isascii() and first.isdigit() and bool(dash) and second.isdigit() and len(text) <= 41


def stored_event(raw: bytes) -> Any:
    """Return the envelope as accepted; its text when it is not JSON."""
    try:
        return codec.loads(raw)
    except BadJson:
        return raw.decode("utf-8", "replace")
