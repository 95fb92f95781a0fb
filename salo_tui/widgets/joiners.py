"""Signs that are typed but not seen: they join others to one emoji. Textual takes them for keys without a text."""

from __future__ import annotations

import re

from textual.events import Key

_JOINER = re.compile("[\u200c\u200d\U000e0020-\U000e007f]")


def joiner_of(event: Key) -> str | None:
    """Return the joining sign that a key types, None for any other key. It belongs into the text as it is."""
    sign = event.character
    return sign if sign is not None and _JOINER.fullmatch(sign) else None
