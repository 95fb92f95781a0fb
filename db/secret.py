"""A value that must not be shown: a token, a callback secret, a confirmation code."""

from __future__ import annotations

import hmac

_HIDDEN = "***"


class Secret:
    """Text that shows itself as ``***`` everywhere. ``reveal`` is the one way to it, and easy to search for.

    Neither JSON nor pickle takes it: what is stored is sealed first (``db.seal``).
    """

    __slots__ = ("__value",)

    def __init__(self, value: str) -> None:
        self.__value = value

    def reveal(self) -> str:
        """Return the text itself. Never pass it to a log, an error or argv."""
        return self.__value

    def __repr__(self) -> str:
        return _HIDDEN

    def __str__(self) -> str:
        return _HIDDEN

    def __format__(self, spec: str) -> str:
        return _HIDDEN

    def __bool__(self) -> bool:
        return bool(self.__value)

    def __eq__(self, other: object) -> bool:
        """Compare in constant time; a plain string is never equal."""
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self.__value.encode(), other.__value.encode())

    def __hash__(self) -> int:
        return hash((Secret, self.__value))

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a Secret is not pickled")
