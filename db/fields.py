"""Field types that the models share: MariaDB's ENUM over a Python one, and JSON through orjson."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from peewee import Field, JSONField

from db import codec


class EnumField(Field):
    """A MariaDB ENUM of the values of a ``StrEnum``. Reads give its members; an unknown value is a ``ValueError``."""

    field_type = "ENUM"

    def __init__(self, members: type[StrEnum], **options: Any) -> None:
        self.members = members
        super().__init__(**options)

    def db_value(self, value: Any) -> str | None:
        return None if value is None else self.members(value).value

    def python_value(self, value: Any) -> StrEnum | None:
        return None if value is None else self.members(value)


class OrjsonField(JSONField):
    """MariaDB's JSON, written and read by orjson. The database must be opened with ``mariadb=True``."""

    def __init__(self, **options: Any) -> None:
        super().__init__(dumps=lambda value: codec.dumps(value).decode(), loads=codec.loads, **options)


def utc_now() -> datetime:
    """Return the time as the bases keep it: UTC, naive, to the millisecond."""
    return naive(datetime.now(UTC))


def from_ms(ms: int) -> datetime:
    """Return milliseconds since 1970 as the bases keep a time; ``ValueError`` when out of range."""
    try:
        return naive(datetime.fromtimestamp(ms / 1000, UTC))
    except (OverflowError, OSError) as error:
        raise ValueError(f"time {ms} is out of range") from error


def naive(moment: datetime) -> datetime:
    """Return an aware time as UTC without its zone, to the millisecond, as DATETIME(3) keeps it."""
    shifted = moment.astimezone(UTC).replace(tzinfo=None)
    return shifted.replace(microsecond=shifted.microsecond // 1000 * 1000)
