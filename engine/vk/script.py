"""The code of an ``execute``: calls with values as literals, so that no text of anybody's becomes code. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

CALLS_MAX = 25  # in one execute
_METHOD = re.compile(r"[a-zA-Z]+\.[a-zA-Z]+")
_NAME = re.compile(r"[a-z_]+")

# What may not stand in a string as it is: its end, the escape, and whatever some reader takes for the end of a line.
_UNSAFE = re.compile('["\\\\\\x00-\\x1f\\x7f-\\x9f\u2028\u2029\ud800-\udfff]')
_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def calls_code(method: str, calls: Sequence[Mapping[str, str | int]]) -> str:
    """Return code that makes up to ``CALLS_MAX`` calls of one method and returns the list of their answers."""
    assert 0 < len(calls) <= CALLS_MAX and _METHOD.fullmatch(method), method
    return f"return [{','.join(f'API.{method}({_literal_of(values)})' for values in calls)}];"


def literal(value: str | int) -> str:
    """Return a value as VKScript writes it."""
    return str(int(value)) if isinstance(value, int) else f'"{_UNSAFE.sub(_escaped, value)}"'


def _literal_of(values: Mapping[str, str | int]) -> str:
    assert all(_NAME.fullmatch(name) for name in values), list(values)
    return "{" + ",".join(f'"{name}":{literal(value)}' for name, value in values.items()) + "}"


def _escaped(found: re.Match[str]) -> str:
    character = found[0]
    if "\ud800" <= character <= "\udfff":
        return "\ufffd"  # half a character: nothing can carry it
    return _SHORT.get(character) or f"\\u{ord(character):04x}"
