"""JSON at every edge, through orjson: strict, compact and fast."""

from __future__ import annotations

from typing import Any

import orjson

from db.errors import BadJson


def dumps(value: Any) -> bytes:
    """Return ``value`` as compact JSON bytes without a newline."""
    return orjson.dumps(value)


def encoded(data: bytes) -> Any:
    """Return what ``dumps`` puts into its result as it is: JSON that was made before."""
    return orjson.Fragment(data)


def loads(data: bytes | str) -> Any:
    """Return the value that ``data`` holds; NaN, lone surrogates and broken text raise ``BadJson``."""
    try:
        return orjson.loads(data)
    except ValueError as error:
        raise BadJson(f"not JSON: {error}") from None
