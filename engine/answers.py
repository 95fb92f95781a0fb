"""From an answer of the base (``tx``) to the text that is sent. Pure; the dice come from outside."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from typing import Any

from db import codec
from db.errors import BadJson

PLACEHOLDERS = ("user_name", "fi_name", "la_name", "bot_name")  # never ``str.format``: answers are written by people
_PLACEHOLDER = re.compile(r"\{(" + "|".join(PLACEHOLDERS) + r")\}")
_MARKUP = re.compile(r"[\[\]|@*]")  # a person's name must not mention others


def needs_names(tx: str) -> bool:
    """Does rendering this answer need to know the person's names?"""
    return any("{" + name + "}" in tx for name in PLACEHOLDERS[:3])


def render(tx: str, names: Mapping[str, str], dice: random.Random) -> str:
    """Return the text of an answer: a variant chosen, names put in. Empty when the answer says nothing.

    ``tx`` is plain text, or a JSON object with ``text`` or with ``variants``, a list of texts or of objects with
    ``text`` and ``weight``. An unknown placeholder stays as it was written; a person without a name is nobody.
    """
    text = _choose_text(tx, dice)

    def fill(found: re.Match[str]) -> str:
        return _MARKUP.sub("", names.get(found[1], ""))[:100]

    return _PLACEHOLDER.sub(fill, text).strip()


def _choose_text(tx: str, dice: random.Random) -> str:
    parsed = _parsed(tx)
    if parsed is None:
        return tx
    variants = parsed.get("variants")
    if not isinstance(variants, list):
        return str(parsed["text"])
    weighted = [(str(_field(item, "text", item)), _weight(_field(item, "weight", 1))) for item in variants]
    chosen = [(text, weight) for text, weight in weighted if text and weight > 0]
    if not chosen:
        return str(parsed.get("text") or "")
    return dice.choices([text for text, _ in chosen], [weight for _, weight in chosen])[0]


def _parsed(tx: str) -> dict[str, Any] | None:
    """Return the JSON answer, or None for plain text; text that merely begins with a brace is plain."""
    if not tx.lstrip().startswith("{"):
        return None
    try:
        value = codec.loads(tx)
    except BadJson:
        return None
    return value if isinstance(value, dict) and ("text" in value or isinstance(value.get("variants"), list)) else None


def _field(item: Any, name: str, default: Any) -> Any:
    return item.get(name, default) if isinstance(item, dict) else default if name == "weight" else item


def _weight(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0
