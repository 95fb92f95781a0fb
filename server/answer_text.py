"""What an answer may be that somebody types: text with names to fill in, or JSON as ``engine/answers.py`` reads it.

Stricter than what is read: who types learns at once what nobody would see in the base later. Whatever passes can be
exported and imported again.
"""

from __future__ import annotations

import re
from typing import Any

from db import codec
from db.errors import BadJson
from db.texts import _
from engine.answers import PLACEHOLDERS
from engine.commands.errors import BadCommand
from engine.matching.normalise import normalise
from server.answer_lines import ANSWER_MAX, WEIGHT_MAX

VARIANTS_MAX = 100
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_PLACEHOLDER_FIRST = re.compile(r"\{(" + "|".join(PLACEHOLDERS) + r")\}")


def checked_answer(text: str) -> str:
    """Return the answer as it is kept. Raises ``BadCommand``, which says what is wrong and never repeats the text."""
    tx = text.strip()
    if len(tx) > ANSWER_MAX:
        raise BadCommand(
            _("the answer has {count} letters, must be 1 to {most}").format(count=len(tx), most=ANSWER_MAX)
        )
    _check_visible(tx)
    if _CONTROL.search(tx):
        raise BadCommand(_("the answer holds a control character"))
    if tx.startswith("{") and not _PLACEHOLDER_FIRST.match(tx):
        _check_json(tx)
    return tx


def _check_visible(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadCommand(_("the answer is not UTF-8")) from None
    if not normalise(text):
        raise BadCommand(_("the answer has nothing visible in it"))


def _check_json(tx: str) -> None:
    """Check what begins like JSON; a bot would say it letter by letter if it were none."""
    try:
        value = codec.loads(tx)
    except BadJson as error:
        text = _("an answer that begins with “{{” must be JSON, or begin with one of {names}: {reason}")
        names = ", ".join("{" + name + "}" for name in PLACEHOLDERS)
        raise BadCommand(text.format(names=names, reason=error)) from None
    if "variants" in value:
        _check_variants(value["variants"])
    elif not isinstance(value.get("text"), str):
        raise BadCommand(_("a JSON answer needs “text”, which is a text, or “variants”, which is a list"))
    else:
        _check_visible(value["text"])


def _check_variants(variants: Any) -> None:
    if not isinstance(variants, list) or not 1 <= len(variants) <= VARIANTS_MAX:
        raise BadCommand(_("“variants” must be a list of 1 to {most}").format(most=VARIANTS_MAX))
    for item in variants:
        text, weight = (item.get("text"), item.get("weight", 1)) if isinstance(item, dict) else (item, 1)
        if not isinstance(text, str):
            raise BadCommand(_("each variant must be a text, or an object with text and weight"))
        _check_visible(text)
        if not isinstance(weight, int | float) or isinstance(weight, bool) or not 0 < weight <= WEIGHT_MAX:
            shown = str(weight)[:20]
            raise BadCommand(
                _("weight = {value}, must be above 0, at most {most}").format(value=shown, most=WEIGHT_MAX)
            )
